/*
 * The reader of Accept.  Properties: always one of the four, and a type that
 * is accepted with the highest weight in front of the rest wins.
 */
#include <stdlib.h>
#include <string.h>

#include <retrywith/refusal.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char first[] = "text/plain;q=1,";
    rwith_slice accept = { (const char *)data, size };
    rwith_refusal_format format = rwith_refusal_negotiate(accept);

    if ((unsigned)format > RWITH_REFUSAL_TEXT ||
        rwith_refusal_media_type(format) == NULL) {
        abort();
    }
    char *joined = malloc(size + sizeof(first));
    if (joined != NULL) {
        memcpy(joined, first, sizeof(first) - 1);
        if (size > 0) {
            memcpy(joined + sizeof(first) - 1, data, size);
        }
        format = rwith_refusal_negotiate(
            (rwith_slice){ joined, size + sizeof(first) - 1 });
        /* Others may tie and stand before it, but it is never the default
         * for want of a match: XML and HTML only win when they are named. */
        if (format == RWITH_REFUSAL_HTML && size < 6) {
            abort();
        }
        free(joined);
    }
    return 0;
}
