/*
 * Where the answer goes: stdout, or a file that gets its name only when it
 * is whole (R-37).
 */
#include <cli/fetch.h>

#include <cli/commands.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JSON_BODY_MAX     (1024 * 1024)
#define PROGRESS_EVERY_MS 1000

/* The last segment of the URL's path, for --remote-name. */
static char *remote_name(const rwith_fetch *f)
{
    const char *start = strstr(f->url.ptr, "://");

    start = start != NULL ? start + 3 : f->url.ptr;
    size_t len = strcspn(start, "?#");
    size_t at = len;
    while (at > 0 && start[at - 1] != '/') {
        at--;
    }
    if (at == 0 || at == len || start[at] == '.') {
        return NULL; /* no path, no name, or a hidden file */
    }
    char *name = malloc(len - at + 1);
    if (name != NULL) {
        memcpy(name, start + at, len - at);
        name[len - at] = '\0';
    }
    return name;
}

/* A device, a pipe, and what a link leads to are written to as they are. */
static bool is_plain_target(const char *name, mode_t *ret_mode)
{
    struct stat info;

    if (lstat(name, &info) != 0) {
        mode_t mask = umask(0);

        umask(mask);
        *ret_mode = 0666 & ~mask;
        return true;
    }
    *ret_mode = info.st_mode & 0777;
    return S_ISREG(info.st_mode);
}

static int open_part(rwith_fetch *f, mode_t mode)
{
    size_t size = strlen(f->out_name) + sizeof(".part-XXXXXX");
    int fd;

    f->out_part = malloc(size);
    if (f->out_part == NULL) {
        return -1;
    }
    snprintf(f->out_part, size, "%s.part-XXXXXX", f->out_name);
    fd = mkstemp(f->out_part);
    if (fd < 0) {
        free(f->out_part);
        f->out_part = NULL;
    } else {
        rwith_fetch_interrupt_part(f->out_part);
        (void)!fchmod(fd, mode);
    }
    return fd;
}

/* Once a second, on a terminal that the content does not go to. */
static int on_progress(void *user, curl_off_t down_all, curl_off_t down,
                       curl_off_t up_all, curl_off_t up)
{
    rwith_fetch *f = user;
    bool is_up = down == 0 && up > 0;
    double mib = (double)(is_up ? up : down) / 1048576;
    double all = (double)(is_up ? up_all : down_all) / 1048576;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (f->progress_ms == 0) {
        f->progress_ms = ms;
    }
    if (ms < f->progress_ms + PROGRESS_EVERY_MS) {
        return 0;
    }
    f->progress_ms = ms;
    f->has_shown_progress = true;
    if (all > 0) {
        fprintf(stderr, "\r%s %.1f of %.1f MiB (%.0f%%)  ",
                is_up ? "sent" : "received", mib, all, 100 * mib / all);
    } else {
        fprintf(stderr, "\r%s %.1f MiB  ", is_up ? "sent" : "received", mib);
    }
    fflush(stderr);
    return 0;
}

/* Nobody wants to see it beside the content, or between lines of a trace. */
static void output_progress(rwith_fetch *f)
{
    f->is_on_terminal = f->out == stdout && isatty(STDOUT_FILENO) != 0;
    bool is_busy = f->set.silent || f->set.verbose || f->set.show_exchange ||
                   isatty(STDERR_FILENO) == 0 || f->is_on_terminal;

    if (!is_busy) {
        curl_easy_setopt(f->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(f->easy, CURLOPT_XFERINFODATA, f);
        curl_easy_setopt(f->easy, CURLOPT_NOPROGRESS, 0L);
    }
}

int rwith_fetch_output_open(rwith_fetch *f)
{
    mode_t mode = 0600;

    if (f->set.remote_name) {
        f->out_name = remote_name(f);
        if (f->out_name == NULL) {
            rwith_complain("the URL holds no file name for --remote-name, "
                           "give --output FILE");
            return RWITH_EXIT_USAGE;
        }
    } else if (f->set.output != NULL && strcmp(f->set.output, "-") != 0) {
        f->out_name = strdup(f->set.output);
    }
    if (f->out_name == NULL) {
        f->out = f->set.output_json && f->set.output == NULL ? NULL : stdout;
        output_progress(f);
        return 0;
    }
    if (is_plain_target(f->out_name, &mode)) {
        int fd = open_part(f, mode);

        f->out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    } else {
        f->out = fopen(f->out_name, "wb");
    }
    if (f->out == NULL) {
        rwith_complain("cannot write %s, %s, check the folder", f->out_name,
                       strerror(errno));
        return CURLE_WRITE_ERROR;
    }
    output_progress(f);
    return 0;
}

static bool out_write(rwith_fetch *f, const char *bytes, size_t len)
{
    if (f->out != NULL) {
        if (f->is_on_terminal && len > 0) {
            f->is_in_line = bytes[len - 1] != '\n';
        }
        if (fwrite(bytes, 1, len, f->out) != len) {
            f->out_failed = true;
        }
        return !f->out_failed;
    }
    if (f->body.len + len > JSON_BODY_MAX) {
        f->body_is_cut = true;
        return true;
    }
    return f->body_is_cut || rwith_fetch_text_add(&f->body, bytes, len);
}

size_t rwith_fetch_on_header(char *line, size_t size, size_t count, void *user)
{
    rwith_fetch *f = user;
    size_t len = size * count;

    if (len > 12 && memcmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', len - 3);

        f->last_status = 0;
        for (int i = 1; space != NULL && i <= 3; i++) {
            f->last_status = f->last_status * 10 + (unsigned)(space[i] - '0');
        }
    }
    if ((f->set.include || f->set.head) && f->out != NULL) {
        return out_write(f, line, len) ? len : 0;
    }
    return len;
}

size_t rwith_fetch_on_body(char *bytes, size_t size, size_t count, void *user)
{
    rwith_fetch *f = user;
    size_t len = size * count;

    f->body_len += len;
    if (f->set.fail && f->last_status >= RWITH_FETCH_FAIL_MIN) {
        return len;
    }
    return out_write(f, bytes, len) ? len : 0;
}

int rwith_fetch_output_close(rwith_fetch *f, bool is_whole)
{
    bool is_done = !f->out_failed;

    if (f->has_shown_progress) {
        fputs("\r\033[K", stderr); /* it has done its duty */
        f->has_shown_progress = false;
    }
    if (f->out == stdout) {
        is_done = fflush(stdout) == 0 && is_done;
    } else if (f->out != NULL) {
        is_done = fclose(f->out) == 0 && is_done;
    }
    f->out = NULL;
    if (f->out_part != NULL) {
        if (is_done && is_whole) {
            is_done = rename(f->out_part, f->out_name) == 0;
        }
        if (!is_done || !is_whole) {
            unlink(f->out_part);
        }
        rwith_fetch_interrupt_part(NULL);
    }
    if (!is_done) {
        rwith_complain("cannot write %s, %s",
                       f->out_name != NULL ? f->out_name : "the output",
                       strerror(errno));
    }
    free(f->out_part);
    f->out_part = NULL;
    f->out_failed = false;
    return is_done ? 0 : (int)CURLE_WRITE_ERROR;
}
