/*
 * conf.h: the text of an nginx configuration, with everything that comes
 * from outside quoted, so that no value can end a directive or begin one.
 */
#ifndef RWITH_LAUNCH_CONF_H
#define RWITH_LAUNCH_CONF_H

#include <stdbool.h>
#include <stddef.h>

/* nginx reads no longer word from a file. */
#define RWITH_CONF_WORD_MAX 3500

/* The variable that stands for a dollar sign in what nginx interpolates;
 * rwith_conf_put_dollar() declares it. */
#define RWITH_CONF_DOLLAR "retrywith_dollar"

typedef struct rwith_conf {
    char *text; /* NUL-terminated once something was put */
    size_t len;
    size_t max;
    bool is_broken; /* no memory, or a word that nginx could not read */
} rwith_conf;

/*
 * Add text.  In the template
 *     %s  is a word, quoted
 *     %v  the same for a directive that interpolates variables: its dollar
 *         signs stay dollar signs
 *     %f  the name of a file, made absolute and quoted as %s
 *     %p  the same, quoted as %v
 *     %u  an unsigned long
 *     %r  text that is put as it is: never from outside
 *     %%  a per cent sign
 */
void rwith_conf_put(rwith_conf *conf, const char *template, ...);

/* In http {}: declares the variable of %v. */
void rwith_conf_put_dollar(rwith_conf *conf);

void rwith_conf_free(rwith_conf *conf);

#endif
