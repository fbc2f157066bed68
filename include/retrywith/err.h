/*
 * err.h: what can go wrong, and whose fault it is.
 */
#ifndef RWITH_ERR_H
#define RWITH_ERR_H

#include <retrywith/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One line per error: name, number, blame, text.  The enum, the names, the
 * texts and the ERRORS section of libretrywith(3) are made from this list.
 * Numbers are never reused.
 */
#define RWITH_ERRORS(X)                                                        \
    X(NOMEM, -1, LOCAL, "out of memory")                                       \
    X(INVAL, -2, CALLER, "invalid argument")                                   \
    X(STATE, -3, CALLER, "this event is not possible in this state")           \
    X(SYNTAX, -4, PEER, "not well formed")                                     \
    X(RANGE, -5, PEER, "longer or larger than its limit")                      \
    X(FORBIDDEN, -6, PEER, "a field that a challenge must not set")            \
    X(DUPLICATE, -7, PEER, "given twice")                                      \
    X(FULL, -8, LOCAL, "a table of ours is full")                              \
    X(FILE, -9, LOCAL, "a file of ours is wrong")                              \
    X(SPACE, -10, CALLER, "the buffer is too small")                           \
    X(UNSUPPORTED, -11, LOCAL, "not supported here")

enum {
    RWITH_OK = 0,
#define RWITH_ERR_ENUM(name, number, blame, text) RWITH_E##name = (number),
    RWITH_ERRORS(RWITH_ERR_ENUM)
#undef RWITH_ERR_ENUM
};

/** Who has to change something: what callers switch on. */
typedef enum rwith_blame {
    RWITH_BLAME_NONE,   /**< #RWITH_OK */
    RWITH_BLAME_CALLER, /**< a bug in the calling program */
    RWITH_BLAME_PEER,   /**< bytes from outside: treat as no challenge */
    RWITH_BLAME_LOCAL   /**< this machine or its files */
} rwith_blame;

/** Name of an error without its prefix, as "NOMEM"; never NULL. */
RWITH_API const char *rwith_err_name(int err);

/** One lower-case phrase for people; never NULL. */
RWITH_API const char *rwith_err_text(int err);

/** Whose fault; #RWITH_BLAME_CALLER for a number that is no error. */
RWITH_API rwith_blame rwith_err_blame(int err);

#ifdef __cplusplus
}
#endif

#endif
