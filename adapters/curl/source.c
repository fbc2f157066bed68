/*
 * Reads a request's content from memory, a stream or a callback, and goes
 * back to its start for a repeated request.  Knows nothing of challenges.
 */
#include <adapters/curl/source.h>

#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A regular file tells its size and can be read again; a pipe does not. */
static void source_init_file(rwith_curl_source *source)
{
    const rwith_curl_body *body = source->body;
    struct stat info;

    source->start = ftello(body->file);
    if (fstat(fileno(body->file), &info) != 0 || source->start < 0 ||
        !S_ISREG(info.st_mode)) {
        return;
    }
    source->is_replayable = true;
    if (source->size < 0) {
        source->size =
            info.st_size > source->start ? info.st_size - source->start : 0;
    }
}

void rwith__curl_source_init(rwith_curl_source *source,
                             const rwith_curl_body *body)
{
    *source = (rwith_curl_source){
        .body = body,
        .size = body->has_size ? body->size : -1,
    };
    switch (body->kind) {
    case RWITH_CURL_BODY_NONE:
        source->is_replayable = true;
        source->size = 0;
        break;
    case RWITH_CURL_BODY_MEMORY:
        source->is_replayable = true;
        source->size = (curl_off_t)body->len;
        break;
    case RWITH_CURL_BODY_FILE:
        source_init_file(source);
        break;
    case RWITH_CURL_BODY_CALLBACK:
        source->is_replayable = body->rewind != NULL;
        break;
    case RWITH_CURL_BODY_MIME:
        source->is_replayable = body->mime_is_replayable;
        break;
    }
}

void rwith__curl_source_patch(rwith_curl_source *source, rwith_slice bytes,
                              bool is_patched)
{
    source->patched = bytes;
    source->is_patched = is_patched;
    if (is_patched) {
        source->size = (curl_off_t)bytes.len;
    } else if (source->body->kind == RWITH_CURL_BODY_MEMORY) {
        source->size = (curl_off_t)source->body->len;
    }
}

bool rwith__curl_source_rewind(rwith_curl_source *source)
{
    const rwith_curl_body *body = source->body;
    bool done = true;

    source->at = 0;
    if (!source->is_used) {
        return true;
    }
    if (!source->is_patched && body->kind == RWITH_CURL_BODY_FILE) {
        done = fseeko(body->file, source->start, SEEK_SET) == 0;
    } else if (!source->is_patched && body->kind == RWITH_CURL_BODY_CALLBACK) {
        done = body->rewind != NULL && body->rewind(body->user) == 0;
    }
    source->is_used = !done;
    return done;
}

bool rwith__curl_source_memory(const rwith_curl_source *source,
                               rwith_slice *ret)
{
    if (!source->is_patched && source->body->kind != RWITH_CURL_BODY_MEMORY) {
        return false;
    }
    *ret = source->is_patched
               ? source->patched
               : (rwith_slice){ source->body->data, source->body->len };
    return true;
}

static size_t source_read_memory(rwith_curl_source *source, rwith_slice all,
                                 char *buf, size_t len)
{
    size_t left = all.len - source->at;

    if (len > left) {
        len = left;
    }
    if (len > 0) {
        memcpy(buf, all.ptr + source->at, len);
        source->at += len;
    }
    return len;
}

size_t rwith__curl_source_read(rwith_curl_source *source, char *buf, size_t len)
{
    const rwith_curl_body *body = source->body;
    rwith_slice all;

    source->is_used = true;
    if (rwith__curl_source_memory(source, &all)) {
        return source_read_memory(source, all, buf, len);
    }
    if (body->kind == RWITH_CURL_BODY_CALLBACK) {
        return body->read(buf, 1, len, body->user);
    }
    size_t got = fread(buf, 1, len, body->file);
    if (got == 0 && ferror(body->file)) {
        source->is_broken = true;
        return CURL_READFUNC_ABORT;
    }
    return got;
}

int rwith__curl_source_seek(rwith_curl_source *source, curl_off_t offset,
                            int origin)
{
    /* libcurl goes back to the start only; anything else it does itself. */
    if (offset != 0 || origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    return rwith__curl_source_rewind(source) ? CURL_SEEKFUNC_OK
                                             : CURL_SEEKFUNC_FAIL;
}
