/*
 * The content of the request: --data, --data-binary, --data-urlencode,
 * --json, --form, --upload-file and --get, with curl's meaning of each.
 */
#include <cli/fetch_content.h>

#include <cli/commands.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool rwith_fetch_text_add(rwith_fetch_text *text, const void *bytes, size_t len)
{
    if (text->ptr == NULL || text->len + len + 1 > text->cap) {
        size_t cap = text->cap > 0 ? text->cap : 256;

        while (cap < text->len + len + 1) {
            cap *= 2;
        }
        char *grown = malloc(cap);
        if (grown == NULL) {
            rwith_complain("out of memory");
            return false;
        }
        if (text->ptr != NULL) {
            memcpy(grown, text->ptr, text->len);
            rwith_wipe(text->ptr, text->len);
        }
        free(text->ptr);
        text->ptr = grown;
        text->cap = cap;
    }
    if (len > 0) {
        memcpy(text->ptr + text->len, bytes, len);
    }
    text->len += len;
    text->ptr[text->len] = '\0';
    return true;
}

bool rwith_fetch_text_puts(rwith_fetch_text *text, const char *string)
{
    return rwith_fetch_text_add(text, string, strlen(string));
}

int rwith_fetch_read_all(const char *path, rwith_fetch_text *ret)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    int status = 0;
    char block[16384];
    size_t got;

    if (file == NULL) {
        rwith_complain("cannot read %s, %s, check its name", path,
                       strerror(errno));
        return CURLE_READ_ERROR;
    }
    while (status == 0 && (got = fread(block, 1, sizeof(block), file)) > 0) {
        status = rwith_fetch_text_add(ret, block, got) ? 0 : RWITH_EXIT_LIMIT;
    }
    if (ferror(file)) {
        rwith_complain("cannot read %s, %s", path, strerror(errno));
        status = CURLE_READ_ERROR;
    }
    if (!is_stdin) {
        fclose(file);
    }
    return status;
}

/* -d @FILE loses its line ends and NULs, as with curl. */
static void drop_line_ends(rwith_fetch_text *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < text->len; i++) {
        char c = text->ptr[i];

        if (c != '\r' && c != '\n' && c != '\0') {
            text->ptr[kept++] = c;
        }
    }
    text->len = kept;
}

/* content, =content, name=content, @file, name@file */
static int add_urlencoded(rwith_fetch *f, const char *value)
{
    const char *mark = strpbrk(value, "=@");
    const char *content = mark != NULL ? mark + 1 : value;
    rwith_fetch_text text = { NULL, 0, 0 };
    int status = 0;

    if (mark != NULL && *mark == '@') {
        status = rwith_fetch_read_all(content, &text);
    } else if (!rwith_fetch_text_puts(&text, content)) {
        status = RWITH_EXIT_LIMIT;
    }
    if (status == 0 && mark != NULL && mark > value &&
        !(rwith_fetch_text_add(&f->content, value, (size_t)(mark - value)) &&
          rwith_fetch_text_puts(&f->content, "="))) {
        status = RWITH_EXIT_LIMIT;
    }
    if (status == 0 && text.len > 0) {
        char *coded = curl_easy_escape(f->easy, text.ptr, (int)text.len);

        if (coded == NULL || !rwith_fetch_text_puts(&f->content, coded)) {
            status = RWITH_EXIT_LIMIT;
        }
        curl_free(coded);
    }
    free(text.ptr);
    return status;
}

static int add_data(rwith_fetch *f, const rwith_option_item *item)
{
    const char *name = item->option->name;
    bool is_text = strcmp(name, "data") == 0;
    bool is_json = strcmp(name, "json") == 0;
    rwith_fetch_text text = { NULL, 0, 0 };
    int status = 0;

    if (f->content.len > 0 && !is_json &&
        !rwith_fetch_text_puts(&f->content, "&")) {
        return RWITH_EXIT_LIMIT;
    }
    if (strcmp(name, "data-urlencode") == 0) {
        return add_urlencoded(f, item->value);
    }
    if (item->value[0] == '@') {
        status = rwith_fetch_read_all(item->value + 1, &text);
        if (status == 0 && is_text) {
            drop_line_ends(&text);
        }
    } else if (!rwith_fetch_text_puts(&text, item->value)) {
        status = RWITH_EXIT_LIMIT;
    }
    if (status == 0 && !rwith_fetch_text_add(&f->content, text.ptr, text.len)) {
        status = RWITH_EXIT_LIMIT;
    }
    free(text.ptr);
    return status;
}

/* The data become a part of the query. */
static int move_to_query(rwith_fetch *f)
{
    char *fragment = strchr(f->url.ptr, '#');

    if (fragment != NULL) {
        f->url.len = (size_t)(fragment - f->url.ptr);
    }
    bool has_query = memchr(f->url.ptr, '?', f->url.len) != NULL;

    if (f->content.len == 0) {
        return 0;
    }
    return rwith_fetch_text_puts(&f->url, has_query ? "&" : "?") &&
                   rwith_fetch_text_add(&f->url, f->content.ptr, f->content.len)
               ? 0
               : RWITH_EXIT_LIMIT;
}

/* "value;type=a/b;filename=x": cut the attributes off and apply them. */
static bool apply_attributes(curl_mimepart *part, char *value)
{
    bool done = true;

    for (char *at = strstr(value, ";"); at != NULL && done;) {
        char *next = strchr(at + 1, ';');

        if (strncmp(at, ";type=", 6) != 0 &&
            strncmp(at, ";filename=", 10) != 0) {
            at = next;
            continue;
        }
        if (next != NULL && strncmp(next, ";type=", 6) != 0 &&
            strncmp(next, ";filename=", 10) != 0) {
            next = strchr(next + 1, ';'); /* a parameter of the type */
        }
        *at = '\0';
        if (next != NULL) {
            *next = '\0';
        }
        done = at[1] == 't' ? curl_mime_type(part, at + 6) == CURLE_OK
                            : curl_mime_filename(part, at + 10) == CURLE_OK;
        if (next != NULL) {
            *next = ';';
        }
        at = next;
    }
    return done;
}

/* The part's data; false was told of. */
static bool fill_part(curl_mimepart *part, char *value)
{
    char kind = value[0];
    bool is_stdin = kind != '\0' && strcmp(value + 1, "-") == 0;
    CURLcode code;

    if (kind != '@' && kind != '<') {
        return curl_mime_data(part, value, CURL_ZERO_TERMINATED) == CURLE_OK;
    }
    if (is_stdin) {
        rwith_fetch_text text = { NULL, 0, 0 };
        bool done = rwith_fetch_read_all("-", &text) == 0 &&
                    curl_mime_data(part, text.ptr != NULL ? text.ptr : "",
                                   text.len) == CURLE_OK;

        free(text.ptr);
        return done;
    }
    code = curl_mime_filedata(part, value + 1);
    if (code == CURLE_OK && kind == '<') {
        code = curl_mime_filename(part, NULL);
    }
    if (code != CURLE_OK) {
        rwith_complain("cannot read %s, %s, check its name", value + 1,
                       curl_easy_strerror(code));
        return false;
    }
    return true;
}

static int add_form_part(rwith_fetch *f, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t len = strlen(text) + 1;
    char *copy = malloc(len);
    char *attributes = malloc(len);
    curl_mimepart *part = curl_mime_addpart(f->mime);
    int status = RWITH_EXIT_LIMIT;

    if (copy == NULL || attributes == NULL || part == NULL) {
        rwith_complain("out of memory");
        goto out;
    }
    if (equals == NULL) {
        rwith_complain("'%s' is no form field, write 'name=value'", text);
        status = RWITH_EXIT_USAGE;
        goto out;
    }
    memcpy(copy, text, len);
    memcpy(attributes, text, len);
    copy[equals - text] = '\0';
    char *value = copy + (equals - text) + 1;
    char *of_value = attributes + (equals - text) + 1;
    char *type = strstr(value, ";type=");
    char *filename = strstr(value, ";filename=");
    if (type != NULL) {
        *type = '\0';
    }
    if (filename != NULL && (type == NULL || filename < type)) {
        *filename = '\0';
    }
    status = curl_mime_name(part, copy) == CURLE_OK && fill_part(part, value) &&
                     apply_attributes(part, of_value)
                 ? 0
                 : (int)CURLE_READ_ERROR;
out:
    free(copy);
    free(attributes);
    return status;
}

static int make_form(rwith_fetch *f)
{
    int status = 0;

    f->mime = curl_mime_init(f->easy);
    if (f->mime == NULL) {
        rwith_complain("out of memory");
        return RWITH_EXIT_LIMIT;
    }
    f->req.body.kind = RWITH_CURL_BODY_MIME;
    f->req.body.mime = f->mime;
    f->req.body.mime_is_replayable = true; /* files are opened again */
    for (size_t i = 0; status == 0 && i < f->set.form.count; i++) {
        status = add_form_part(f, f->set.form.items[i].value);
    }
    return status;
}

/* A URL that ends with a slash gets the file's name, as with curl. */
static int make_upload(rwith_fetch *f)
{
    const char *path = f->set.upload_file;
    const char *slash = strrchr(path, '/');
    bool is_stdin = strcmp(path, "-") == 0;

    f->upload = is_stdin ? stdin : fopen(path, "rb");
    if (f->upload == NULL) {
        rwith_complain("cannot read %s, %s, check its name", path,
                       strerror(errno));
        return CURLE_READ_ERROR;
    }
    f->req.body.kind = RWITH_CURL_BODY_FILE;
    f->req.body.file = f->upload;
    if (is_stdin || f->url.len == 0 || f->url.ptr[f->url.len - 1] != '/') {
        return 0;
    }
    char *name = curl_easy_escape(f->easy, slash != NULL ? slash + 1 : path, 0);
    bool done = name != NULL && rwith_fetch_text_puts(&f->url, name);
    curl_free(name);
    return done ? 0 : RWITH_EXIT_LIMIT;
}

int rwith_fetch_content(rwith_fetch *f)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < f->set.data.count; i++) {
        status = add_data(f, &f->set.data.items[i]);
    }
    if (status != 0) {
        return status;
    }
    if (f->set.get) {
        return move_to_query(f);
    }
    if (f->set.upload_file != NULL) {
        return make_upload(f);
    }
    if (f->set.form.count > 0) {
        return make_form(f);
    }
    if (f->set.data.count > 0) {
        f->req.body.kind = RWITH_CURL_BODY_MEMORY;
        f->req.body.data = f->content.ptr;
        f->req.body.len = f->content.len;
    }
    return 0;
}
