/*
 * handover.c: writes a supply's values in the grammar of
 * retrywith-supply(5), for the module to read them with its own reader.
 */
#define _GNU_SOURCE

#include <launch/handover.h>

#include <launch/say.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Text that grows; the old block is wiped when it moves. */
struct text {
    char *bytes;
    size_t len;
    size_t max;
    bool is_broken;
};

static void text_drop(struct text *text)
{
    if (text->bytes != NULL) {
        explicit_bzero(text->bytes, text->max);
        free(text->bytes);
    }
    *text = (struct text){ .is_broken = true };
}

static void text_put(struct text *text, const char *bytes, size_t len)
{
    if (text->is_broken) {
        return;
    }
    if (len >= text->max - text->len) {
        size_t max = 2 * (text->len + len) + 1024;
        char *grown = malloc(max);

        if (grown == NULL) {
            text_drop(text);
            return;
        }
        if (text->bytes != NULL) {
            memcpy(grown, text->bytes, text->len);
            explicit_bzero(text->bytes, text->max);
            free(text->bytes);
        }
        text->bytes = grown;
        text->max = max;
    }
    if (len > 0) {
        memcpy(text->bytes + text->len, bytes, len);
    }
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void text_puts(struct text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

/* In single quotes all bytes are themselves but the quote. */
static void text_quote(struct text *text, rwith_slice s)
{
    text_puts(text, "'");
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\'') {
            text_puts(text, "'\\''");
        } else {
            text_put(text, s.ptr + i, 1);
        }
    }
    text_puts(text, "'");
}

static bool fits_in_line(rwith_slice s)
{
    return s.len == 0 || (memchr(s.ptr, '\n', s.len) == NULL &&
                          memchr(s.ptr, '\r', s.len) == NULL &&
                          memchr(s.ptr, '\0', s.len) == NULL);
}

static void put_origin(struct text *text, const rwith_origin *origin)
{
    char port[8];

    text_puts(text, "origin ");
    text_put(text, origin->scheme.ptr, origin->scheme.len);
    text_puts(text, "://");
    text_put(text, origin->host.ptr, origin->host.len);
    snprintf(port, sizeof(port), ":%u", (unsigned)origin->port);
    text_puts(text, port);
    text_puts(text, "\n");
}

static void put_entry(struct text *text, const rwith_supply_entry *entry,
                      rwith_slice value)
{
    put_origin(text, &entry->origin);
    text_puts(text, entry->in == RWITH_IN_AUTHORIZATION
                        ? "auth"
                        : rwith_place_word(entry->in));
    text_puts(text, " ");
    text_quote(text, entry->name);
    if (entry->kind != RWITH_SUPPLY_NONE) {
        text_puts(text, " value ");
        text_quote(text, value);
    }
    text_puts(text, entry->send_always ? " send always\n" : "\n");
}

bool rwith_handover_takes(const rwith_supply *supply, size_t id)
{
    rwith_slice value;

    return fits_in_line(rwith_supply_at(supply, id)->name) &&
           (!rwith_supply_value(supply, id, &value) || fits_in_line(value));
}

char *rwith_handover_text(const rwith_supply *supply, size_t *ret_len)
{
    struct text text = { 0 };

    text_puts(&text, "# values, in memory\n");
    for (size_t id = 0; id < rwith_supply_count(supply); id++) {
        const rwith_supply_entry *entry = rwith_supply_at(supply, id);
        rwith_slice value = { NULL, 0 };

        bool has_value = rwith_supply_value(supply, id, &value);

        if ((has_value || entry->kind == RWITH_SUPPLY_NONE) &&
            rwith_handover_takes(supply, id)) {
            put_entry(&text, entry, value);
        }
    }
    *ret_len = text.len;
    return text.bytes;
}

int rwith_handover_open(rwith_handover *handover)
{
    /* Inherited on purpose. */
    handover->fd = memfd_create("retrywith-supply", 0);
    if (handover->fd < 0) {
        rwith_say("RW0205: values cannot be handed over in memory: %s",
                  strerror(errno));
        return RWITH_LAUNCH_LIMIT;
    }
    fchmod(handover->fd, 0600);
    snprintf(handover->path, sizeof(handover->path), "/proc/self/fd/%d",
             handover->fd);
    return 0;
}

/* Is that what the file holds? */
static bool holds(int fd, const char *text, size_t len)
{
    struct stat st;
    bool is_same = false;

    if (fstat(fd, &st) != 0 || st.st_size != (off_t)len) {
        return false;
    }
    char *old = malloc(len);
    if (old != NULL && pread(fd, old, len, 0) == (ssize_t)len) {
        is_same = memcmp(old, text, len) == 0;
    }
    if (old != NULL) {
        explicit_bzero(old, len);
        free(old);
    }
    return is_same;
}

int rwith_handover_put(rwith_handover *handover, const rwith_supply *supply,
                       bool *ret_is_new)
{
    size_t len;
    int status = 0;
    char *text = rwith_handover_text(supply, &len);

    if (text == NULL) {
        rwith_say("RW0206: out of memory");
        return RWITH_LAUNCH_LIMIT;
    }
    if (len > RWITH_SUPPLY_FILE_MAX) {
        rwith_say("RW0208: the values are larger than 1 MiB together");
        status = RWITH_LAUNCH_LIMIT;
    } else if (holds(handover->fd, text, len)) {
        *ret_is_new = false;
    } else if (ftruncate(handover->fd, 0) != 0 ||
               pwrite(handover->fd, text, len, 0) != (ssize_t)len) {
        rwith_say("RW0209: values cannot be handed over in memory: %s",
                  strerror(errno));
        status = RWITH_LAUNCH_LIMIT;
    } else {
        *ret_is_new = true;
    }
    explicit_bzero(text, len);
    free(text);
    return status;
}

void rwith_handover_close(rwith_handover *handover)
{
    if (handover->fd >= 0) {
        close(handover->fd);
        handover->fd = -1;
    }
}
