/*
 * json_vectors.h: reading spec/vectors/NAME.json, an array of objects, in
 * the tests of the body readers.
 */
#ifndef RWITH_TESTS_JSON_VECTORS_H
#define RWITH_TESTS_JSON_VECTORS_H

#include <yajl/yajl_tree.h>

#include "tap.h"

/* The array in that file; ends the program when it cannot be read. */
TAP_UNUSED static yajl_val vectors_read(const char *name)
{
    static char text[512 * 1024];
    char path[512], error[256] = "cannot open or too long";
    yajl_val root = NULL;

    snprintf(path, sizeof(path), "%s/spec/vectors/%s.json", RWITH_SOURCE_DIR,
             name);
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        size_t len = fread(text, 1, sizeof(text) - 1, file);

        text[len] = '\0';
        fclose(file);
        if (len < sizeof(text) - 1) {
            root = yajl_tree_parse(text, error, sizeof(error));
        }
    }
    if (!YAJL_IS_ARRAY(root)) {
        printf("Bail out! %s: %s\n", path, error);
        exit(1);
    }
    return root;
}

/* A member of an object; NULL when there is none. */
TAP_UNUSED static yajl_val vector_get(yajl_val object, const char *key)
{
    const char *path[] = { key, NULL };

    return yajl_tree_get(object, path, yajl_t_any);
}

/* A string member; NULL when there is none.  No NUL bytes inside. */
TAP_UNUSED static const char *vector_string(yajl_val object, const char *key)
{
    yajl_val value = vector_get(object, key);

    return YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : NULL;
}

TAP_UNUSED static rwith_slice vector_slice(yajl_val object, const char *key)
{
    const char *s = vector_string(object, key);

    return (rwith_slice){ s != NULL ? s : "", s != NULL ? strlen(s) : 0 };
}

#endif
