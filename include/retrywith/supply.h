/*
 * supply.h: the values that the user is ready to give, and to whom
 * (retrywith-supply(5)).
 *
 * The core reads the file and finds entries; it opens no file and runs no
 * command: rwith_supply_source() tells the adapter where a value lies, and
 * rwith_supply_fill() hands it in.  Values are secrets: they are wiped when
 * replaced or freed.
 */
#ifndef RWITH_SUPPLY_H
#define RWITH_SUPPLY_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_SUPPLY_FILE_MAX  (1024 * 1024) /**< bytes of one file */
#define RWITH_SUPPLY_VALUE_MAX (64 * 1024)   /**< bytes of one value */
#define RWITH_SUPPLY_COUNT_MAX 4096          /**< entries */

/** Where a value lies. */
typedef enum rwith_supply_kind {
    RWITH_SUPPLY_LITERAL, /**< in the file: already filled */
    RWITH_SUPPLY_ENV,     /**< environment variable, named by the text */
    RWITH_SUPPLY_FILE,    /**< contents of a file, final newline dropped */
    RWITH_SUPPLY_COMMAND, /**< first line of a command's output */
    RWITH_SUPPLY_ASK,     /**< ask the person */
    RWITH_SUPPLY_NONE     /**< needs no value (auth negotiate) */
} rwith_supply_kind;

/** How an "auth" entry authenticates. */
typedef enum rwith_auth {
    RWITH_AUTH_NONE,     /**< the entry is no "auth" entry */
    RWITH_AUTH_BASIC,    /**< value "user:password" */
    RWITH_AUTH_BEARER,   /**< value: the token */
    RWITH_AUTH_DIGEST,   /**< value "user:password"; the driver's work */
    RWITH_AUTH_NTLM,     /**< value "user:password" or none; the driver's */
    RWITH_AUTH_NEGOTIATE /**< no value, or "user:password"; the driver's */
} rwith_auth;

typedef struct rwith_supply rwith_supply;

/** One entry, as read.  Slices live as long as the supply. */
typedef struct rwith_supply_entry {
    rwith_origin origin;
    rwith_place in;
    rwith_slice name; /**< for RWITH_IN_AUTHORIZATION the scheme's name */
    rwith_auth auth;
    rwith_supply_kind kind;
    const rwith_slice *source; /**< variable, file name, or command words */
    size_t source_count;
    bool send_always; /**< unasked, to that origin */
    size_t line;      /**< in the file; 0 for rwith_supply_give() */
} rwith_supply_entry;

/**
 * An empty supply.
 * @param mem  NULL: malloc; kept by pointer for the life of the supply
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_supply_new(const rwith_alloc *mem, rwith_supply **ret);

/** Wipes every value.  NULL is fine. */
RWITH_API void rwith_supply_free(rwith_supply *supply);

/**
 * Read a supply file's text into an existing supply, behind what is there.
 * All or nothing.  @a text is copied and may be wiped afterwards.  No word of
 * it is in the diagnostic: it may be a secret.
 *
 * @param ret_has_literals  may be NULL; written only on success: the file
 *                          holds secrets itself, so the adapter must insist
 *                          on its permissions
 * @param reterr_diag       may be NULL; written only on #RWITH_EFILE
 * @return #RWITH_OK, #RWITH_EFILE (with a diagnostic), #RWITH_ENOMEM
 */
RWITH_API int rwith_supply_read(rwith_supply *supply, rwith_slice text,
                                bool *ret_has_literals,
                                rwith_diagnostic *reterr_diag);

/**
 * Read what --give takes, for one origin: 'header X-Key=@file',
 * 'header X-Key=env:NAME', 'query a=value', 'auth negotiate'; without "=" the
 * person is asked.  @a origin and @a line are copied.
 *
 * @param reterr_diag  may be NULL; written only on #RWITH_EFILE, line 1; holds
 *                     no value
 * @return #RWITH_OK, #RWITH_EFILE, #RWITH_ENOMEM
 */
RWITH_API int rwith_supply_give_line(rwith_supply *supply,
                                     const rwith_origin *origin,
                                     rwith_slice line,
                                     rwith_diagnostic *reterr_diag);

/**
 * Add, or replace, a value that is at hand.  Everything is copied.
 * @return #RWITH_OK, #RWITH_EINVAL (a name or scheme that cannot be),
 *         #RWITH_ESYNTAX, #RWITH_ERANGE (as rwith_supply_fill()),
 *         #RWITH_EFULL, #RWITH_ENOMEM
 */
RWITH_API int rwith_supply_give(rwith_supply *supply,
                                const rwith_origin *origin, rwith_place in,
                                rwith_slice name, rwith_slice value);

/** Entries are numbered from 0 in the order in which they came. */
RWITH_API size_t rwith_supply_count(const rwith_supply *supply);

/** Another number after any change of an entry or a value. */
RWITH_API uint32_t rwith_supply_version(const rwith_supply *supply);

/** @param id  less than the count; good until the next entry is added */
RWITH_API const rwith_supply_entry *rwith_supply_at(const rwith_supply *supply,
                                                    size_t id);

/**
 * Hand in the value of an entry, or a fresh one; it is copied, for a header or
 * cookie without outer white space.  The one before is wiped.
 * @return #RWITH_OK, #RWITH_EINVAL (no such entry), #RWITH_ESYNTAX (a control
 *         byte but tab in a header, cookie or authorization, ";" in a cookie,
 *         no ":" in basic or digest), #RWITH_ERANGE (over
 *         #RWITH_SUPPLY_VALUE_MAX), #RWITH_ENOMEM; the old value stays then
 */
RWITH_API int rwith_supply_fill(rwith_supply *supply, size_t id,
                                rwith_slice value);

/** The value of an entry, good until it is filled again.
 * @return false: it has not been filled */
RWITH_API bool rwith_supply_value(const rwith_supply *supply, size_t id,
                                  rwith_slice *ret);

/**
 * The entry for that origin and requirement.  An exact origin only: no other
 * port, no http for https.
 * For RWITH_IN_AUTHORIZATION an empty name finds any.
 * @return false: there is none
 */
RWITH_API bool rwith_supply_find(const rwith_supply *supply,
                                 const rwith_origin *origin, rwith_place in,
                                 rwith_slice name, size_t *ret_id);

#ifdef __cplusplus
}
#endif

#endif
