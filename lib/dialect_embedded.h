/* The dialects of dialects/, made into C by tools/embed-dialects. */
#ifndef RWITH_LIB_DIALECT_EMBEDDED_H
#define RWITH_LIB_DIALECT_EMBEDDED_H

struct rwith__embedded_dialect {
    const char *name; /* of the file, without .dialect; NULL ends the list */
    const char *text;
};

extern const struct rwith__embedded_dialect rwith__embedded_dialects[];

#endif
