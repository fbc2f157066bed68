/*
 * strings.c: the values of a list of options, without the options.
 */
#include <cli/strings.h>

#include <cli/commands.h>

#include <stdlib.h>

bool rwith_strings_of(const rwith_option_list *list, rwith_strings *ret)
{
    const char **items = calloc(list->count + 1, sizeof(*items));

    if (items == NULL) {
        rwith_complain("out of memory");
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        items[i] = list->items[i].value;
    }
    *ret = (rwith_strings){ items, list->count };
    return true;
}

void rwith_strings_free(rwith_strings *strings)
{
    union {
        const char *const *from;
        void *to;
    } items = { strings->items };

    free(items.to);
    *strings = (rwith_strings){ NULL, 0 };
}
