/*
 * Where the values of an exchange come from: supply and dialect files,
 * --give, the recall file, and the person at the terminal.
 */
#include <cli/fetch.h>

#include <cli/commands.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define RECALL_SIZE     (1024 * 1024)
#define RECALL_FILE_MAX (4 * 1024 * 1024)

static int complain_problem(const rwith_problem *problem)
{
    rwith_complain("%s", problem->text);
    return RWITH_EXIT_FILE;
}

/* The origin of the URL: what --give is for. */
static int read_origin(rwith_fetch *f)
{
    CURLU *parts = curl_url();
    char *whole = NULL;
    char *scheme = NULL;
    int status = CURLE_URL_MALFORMAT;

    if (parts != NULL &&
        curl_url_set(parts, CURLUPART_URL, f->url.ptr,
                     CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) ==
            CURLUE_OK &&
        curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_URL, &whole, CURLU_PUNYCODE) ==
            CURLUE_OK) {
        rwith_slice rest;

        f->origin_text = malloc(2 * strlen(whole) + 2);
        if (f->origin_text == NULL) {
            status = RWITH_EXIT_LIMIT;
        } else {
            size_t len = strlen(whole);

            memcpy(f->origin_text, whole, len + 1);
            status = rwith_origin_parse((rwith_slice){ f->origin_text, len },
                                        f->origin_text + len + 1, len,
                                        &f->origin, &rest) == RWITH_OK
                         ? 0
                         : (int)CURLE_URL_MALFORMAT;
        }
    }
    if (status == RWITH_EXIT_LIMIT) {
        rwith_complain("out of memory");
    } else if (status != 0 && whole != NULL &&
               curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK) {
        rwith_complain("the URL's scheme is '%s', which is not HTTP, write "
                       "http[s]://host[:port]/path",
                       scheme);
    } else if (status != 0) {
        rwith_complain("the URL is not understood, write "
                       "http[s]://host[:port]/path");
    }
    curl_free(scheme);
    curl_free(whole);
    curl_url_cleanup(parts);
    return status;
}

static int read_dialects(rwith_fetch *f)
{
    rwith_problem problem;
    rwith_slice unknown = { NULL, 0 };

    if (rwith_dialects_new(NULL, &f->dialects) != RWITH_OK) {
        rwith_complain("out of memory");
        return RWITH_EXIT_LIMIT;
    }
    for (size_t i = 0; i < f->set.dialect.count; i++) {
        if (rwith_values_read_dialect(f->dialects,
                                      f->set.dialect.items[i].value,
                                      &problem) != RWITH_OK) {
            return complain_problem(&problem);
        }
    }
    if (f->set.only != NULL &&
        rwith_dialects_only(f->dialects, rwith_slice_of(f->set.only),
                            &unknown) != RWITH_OK) {
        rwith_complain("'%.*s' is no dialect, these are known:",
                       (int)unknown.len, unknown.ptr);
        for (size_t i = 0; i < rwith_dialects_count(f->dialects); i++) {
            rwith_slice name = rwith_dialects_name(f->dialects, i);

            fprintf(stderr, "%s%.*s", i > 0 ? ", " : "  ", (int)name.len,
                    name.ptr);
        }
        fputc('\n', stderr);
        return RWITH_EXIT_USAGE;
    }
    return 0;
}

int rwith_fetch_values(rwith_fetch *f)
{
    rwith_problem problem;
    int status = read_origin(f);

    status = status == 0 ? read_dialects(f) : status;
    if (status == 0 && rwith_supply_new(NULL, &f->supply) != RWITH_OK) {
        rwith_complain("out of memory");
        status = RWITH_EXIT_LIMIT;
    }
    for (size_t i = 0; status == 0 && i < f->set.supply.count; i++) {
        if (rwith_values_read_supply(f->supply, f->set.supply.items[i].value,
                                     &problem) != RWITH_OK) {
            status = complain_problem(&problem);
        }
    }
    for (size_t i = 0; status == 0 && i < f->set.give.count; i++) {
        rwith_diagnostic at = { 0, 0, "it is not understood" };
        size_t first = rwith_supply_count(f->supply);

        const char *line = f->set.give.items[i].value;
        int err = rwith_supply_give_line(f->supply, &f->origin,
                                         rwith_slice_of(line), &at);

        if (err == RWITH_ENOMEM) {
            rwith_complain("out of memory");
            status = RWITH_EXIT_LIMIT;
        } else if (err != RWITH_OK) {
            /* Its first word only: the value is nobody's business. */
            rwith_complain("--give '%.*s ...' is wrong at column %zu, %s, "
                           "write 'header NAME=VALUE'",
                           (int)strcspn(line, " \t="), line, at.column,
                           at.text);
            status = RWITH_EXIT_USAGE;
        } else if (rwith_values_check(f->supply, first, "--give", &problem) !=
                   RWITH_OK) {
            status = complain_problem(&problem);
        }
    }
    if (status == 0 && rwith_values_init(&f->values, f->supply) != RWITH_OK) {
        rwith_complain("out of memory");
        status = RWITH_EXIT_LIMIT;
    }
    return status;
}

bool rwith_fetch_has_terminal(void)
{
    return isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

/*
 * Ask on the terminal.  The echo is off before the question is there: who
 * types at once is not shown either.
 */
static bool ask_line(const char *question, bool is_secret,
                     rwith_fetch_text *ret)
{
    struct termios before;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    bool is_asked = false;
    char c;

    if (fd < 0) {
        return false;
    }
    if (tcgetattr(fd, &before) == 0) {
        struct termios quiet = before;

        quiet.c_lflag |= ICANON;
        if (is_secret) {
            quiet.c_lflag &= ~(tcflag_t)ECHO;
        }
        rwith_fetch_interrupt_quiet(fd, &before);
        if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0 &&
            write(fd, question, strlen(question)) > 0) {
            is_asked = true;
            while (read(fd, &c, 1) == 1 && c != '\n' &&
                   ret->len < RWITH_SUPPLY_VALUE_MAX) {
                is_asked = rwith_fetch_text_add(ret, &c, 1) && is_asked;
            }
        }
        tcsetattr(fd, TCSAFLUSH, &before);
        rwith_fetch_interrupt_quiet(-1, NULL);
        if (is_secret) {
            (void)!write(fd, "\n", 1);
        }
    }
    close(fd);
    return is_asked;
}

bool rwith_fetch_ask(const char *question, rwith_fetch_text *ret)
{
    return ask_line(question, true, ret);
}

/* The person is told who asks, and for what, before anything is typed. */
static void ask_for(rwith_fetch *f, const rwith_need *need,
                    const rwith_origin *origin)
{
    const rwith_requirement *req = &need->requirement;
    rwith_fetch_text answer = { NULL, 0, 0 };
    char name[512];
    char about[512];
    char question[1400];

    rwith_fetch_show(f, req->name, name, sizeof(name));
    rwith_fetch_show(f, req->description, about, sizeof(about));
    snprintf(question, sizeof(question),
             "%.*s://%.*s:%u wants %s %s\n%s%s%s"
             "Value (not shown, empty for none): ",
             (int)origin->scheme.len, origin->scheme.ptr, (int)origin->host.len,
             origin->host.ptr, origin->port, rwith_place_word(req->in), name,
             about[0] != '\0' ? "  it says: \"" : "", about,
             about[0] != '\0' ? "\"\n" : "");
    if (rwith_fetch_ask(question, &answer) && answer.len > 0) {
        rwith_slice value = { answer.ptr, answer.len };
        int err = need->has_entry
                      ? rwith_supply_fill(f->supply, need->entry, value)
                      : rwith_supply_give(f->supply, origin, req->in, req->name,
                                          value);

        if (err != RWITH_OK) {
            rwith_complain("the value is not used, %s", rwith_err_text(err));
        }
        rwith_wipe(answer.ptr, answer.len);
    }
    free(answer.ptr);
}

bool rwith_fetch_on_need(void *user, const rwith_need *needs, size_t count,
                         const rwith_origin *origin)
{
    rwith_fetch *f = user;
    rwith_problem problem;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    for (size_t i = 0; i < count; i++) {
        const rwith_need *need = &needs[i];
        bool is_asked =
            !need->has_entry ||
            rwith_supply_at(f->supply, need->entry)->kind == RWITH_SUPPLY_ASK;

        if (is_asked) {
            if (rwith_fetch_has_terminal()) {
                ask_for(f, need, origin);
            }
        } else if (rwith_values_fill(&f->values, need->entry,
                                     (uint64_t)now.tv_sec * 1000 + 1, NULL,
                                     &problem) != RWITH_OK) {
            rwith_complain("%s", problem.text);
        }
    }
    return true;
}

/* MS-WDV has the request repeated; a person may know better. */
bool rwith_fetch_on_unmet(void *user, const rwith_effect *need,
                          const rwith_origin *origin)
{
    rwith_fetch *f = user;
    rwith_fetch_text answer = { NULL, 0, 0 };
    char question[512];
    bool is_unmet = false;

    for (size_t i = 0; i < need->need_count; i++) {
        const rwith_requirement *req = &need->needs[i].requirement;
        rwith_slice value;
        size_t id;

        is_unmet =
            is_unmet ||
            !rwith_supply_find(f->supply, origin, req->in, req->name, &id) ||
            !rwith_supply_value(f->supply, id, &value);
    }
    if (!is_unmet || !rwith_fetch_has_terminal()) {
        return true;
    }
    snprintf(question, sizeof(question),
             "Send the request to %.*s://%.*s:%u again without it? [Y/n] ",
             (int)origin->scheme.len, origin->scheme.ptr, (int)origin->host.len,
             origin->host.ptr, origin->port);
    bool is_no = ask_line(question, false, &answer) && answer.len > 0 &&
                 (answer.ptr[0] == 'n' || answer.ptr[0] == 'N');
    free(answer.ptr);
    return !is_no;
}

/* A key that others cannot guess: it keeps the table's hashes apart. */
static void make_key(uint8_t key[RWITH_RECALL_KEY_LEN])
{
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t got = 0;

    while (fd >= 0 && got < RWITH_RECALL_KEY_LEN) {
        ssize_t len = read(fd, key + got, RWITH_RECALL_KEY_LEN - got);

        if (len <= 0) {
            break;
        }
        got += (size_t)len;
    }
    if (fd >= 0) {
        close(fd);
    }
}

int rwith_fetch_recall_load(rwith_fetch *f)
{
    rwith_diagnostic at = { 0, 0, "" };
    rwith_problem problem;
    rwith_file file;
    int status = 0;

    if (f->set.recall == NULL) {
        return 0;
    }
    make_key(f->recall_key);
    f->recall_block = malloc(RECALL_SIZE);
    if (f->recall_block == NULL ||
        rwith_recall_init(f->recall_block, RECALL_SIZE, f->recall_key,
                          &f->recall) != RWITH_OK) {
        rwith_complain("out of memory");
        return RWITH_EXIT_LIMIT;
    }
    if (access(f->set.recall, F_OK) != 0 && errno == ENOENT) {
        return 0; /* the first run makes it */
    }
    if (rwith_file_read(f->set.recall, RECALL_FILE_MAX, RWITH_FILE_SECRET,
                        &file, &problem) != RWITH_OK) {
        return complain_problem(&problem);
    }
    int err = rwith_recall_load(f->recall, (rwith_slice){ file.ptr, file.len },
                                (uint64_t)time(NULL), &at);
    if (err != RWITH_OK) {
        rwith_complain("%s:%zu: %s, remove the file to begin anew",
                       f->set.recall, at.line,
                       err == RWITH_EFILE ? at.text : rwith_err_text(err));
        status = RWITH_EXIT_FILE;
    }
    rwith_file_free(&file);
    return status;
}

/* Text of a recall; free() it after wiping. */
static bool recall_text(const rwith_recall *recall, rwith_slice *ret)
{
    size_t size = rwith_recall_save(recall, true, NULL, 0);
    char *text = malloc(size + 1);

    if (text == NULL) {
        return false;
    }
    *ret =
        (rwith_slice){ text, rwith_recall_save(recall, true, text, size + 1) };
    return true;
}

static void recall_text_free(rwith_slice text)
{
    union {
        const char *from;
        char *to;
    } ptr = { text.ptr };

    if (ptr.to != NULL) {
        rwith_wipe(ptr.to, text.len);
    }
    free(ptr.to);
}

/* What another run wrote meanwhile, and then ours on top of it. */
static bool recall_join(rwith_fetch *f, rwith_slice ours, rwith_slice *ret)
{
    void *block = malloc(RECALL_SIZE);
    uint64_t now_s = (uint64_t)time(NULL);
    rwith_recall *both = NULL;
    rwith_diagnostic at;
    rwith_problem problem;
    rwith_file file;
    bool done = false;

    if (block == NULL || rwith_recall_init(block, RECALL_SIZE, f->recall_key,
                                           &both) != RWITH_OK) {
        goto out;
    }
    if (access(f->set.recall, F_OK) == 0 &&
        rwith_file_read(f->set.recall, RECALL_FILE_MAX, RWITH_FILE_SECRET,
                        &file, &problem) == RWITH_OK) {
        (void)rwith_recall_load(both, (rwith_slice){ file.ptr, file.len },
                                now_s, &at);
        rwith_file_free(&file);
    }
    done = rwith_recall_load(both, ours, now_s, &at) == RWITH_OK &&
           recall_text(both, ret);
out:
    if (block != NULL) {
        rwith_wipe(block, RECALL_SIZE);
    }
    free(block);
    return done;
}

int rwith_fetch_recall_save(rwith_fetch *f)
{
    rwith_slice ours = { NULL, 0 };
    rwith_slice both = { NULL, 0 };
    rwith_problem problem;
    int status = 0;

    if (f->recall == NULL || rwith_recall_count(f->recall) == 0) {
        return 0;
    }
    int lock = rwith_file_lock(f->set.recall, &problem);
    if (lock < 0) {
        return complain_problem(&problem);
    }
    if (!recall_text(f->recall, &ours) || !recall_join(f, ours, &both)) {
        rwith_complain("%s is not written, out of memory", f->set.recall);
        status = RWITH_EXIT_LIMIT;
    } else if (rwith_file_replace(f->set.recall, both, &problem) != RWITH_OK) {
        status = complain_problem(&problem);
    }
    recall_text_free(ours);
    recall_text_free(both);
    close(lock);
    return status;
}

void rwith_fetch_recall_free(rwith_fetch *f)
{
    if (f->recall_block != NULL) {
        rwith_wipe(f->recall_block, RECALL_SIZE);
    }
    free(f->recall_block);
    f->recall_block = NULL;
    f->recall = NULL;
}
