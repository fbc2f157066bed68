/*
 * Reads URLs: the plain ones at once, all others with libcurl's own parser,
 * so that what the core judges is what libcurl sends.
 */
#include <adapters/curl/url.h>

#include <string.h>

/* Bytes that libcurl keeps where they are, whatever stands around them. */
static const bool plain_bytes[256] = {
    ['!'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1,
    [')'] = 1, ['*'] = 1, ['+'] = 1, [','] = 1, ['-'] = 1,  ['.'] = 1,
    ['/'] = 1, [':'] = 1, [';'] = 1, ['='] = 1, ['?'] = 1,  ['_'] = 1,
    ['~'] = 1, ['['] = 1, [']'] = 1, ['0'] = 1, ['1'] = 1,  ['2'] = 1,
    ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,  ['8'] = 1,
    ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1,  ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,  ['k'] = 1,
    ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1,  ['q'] = 1,
    ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1,  ['w'] = 1,
    ['x'] = 1, ['y'] = 1, ['z'] = 1, ['A'] = 1, ['B'] = 1,  ['C'] = 1,
    ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1,  ['I'] = 1,
    ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1,  ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1,  ['U'] = 1,
    ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,
};

/* Nothing in it that libcurl would change, drop or decode? */
static bool url_is_plain(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) {
        return false;
    }
    for (; plain_bytes[*p]; p++) {
        if (p[0] == '/' && p[1] == '.') {
            return false;
        }
    }
    return *p == '\0';
}

/* Origin and target of a text that stays where it is. */
static CURLcode url_split(rwith_curl_url *url, const rwith_alloc *mem,
                          const char *text)
{
    rwith_slice all = rwith_slice_of(text);

    /* Most origins are in lower case: nothing to copy. */
    if (rwith_origin_parse(all, NULL, 0, &url->origin, &url->target) ==
            RWITH_OK &&
        url->target.len > 0 && url->target.ptr[0] == '/') {
        url->text = text;
        return CURLE_OK;
    }
    url->lower.len = 0;
    if (rwith__curl_bytes_add(&url->lower, mem, all.ptr, all.len, SIZE_MAX) !=
        RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    if (rwith_origin_parse(all, url->lower.ptr, url->lower.len, &url->origin,
                           &url->target) != RWITH_OK ||
        url->target.len == 0 || url->target.ptr[0] != '/') {
        return CURLE_URL_MALFORMAT;
    }
    url->text = text;
    return CURLE_OK;
}

static CURLcode url_error(CURLUcode code)
{
    switch (code) {
    case CURLUE_OK:
        return CURLE_OK;
    case CURLUE_OUT_OF_MEMORY:
        return CURLE_OUT_OF_MEMORY;
    case CURLUE_UNSUPPORTED_SCHEME:
        return CURLE_UNSUPPORTED_PROTOCOL;
    default:
        return CURLE_URL_MALFORMAT;
    }
}

/* Userinfo goes where credentials go: not into a URL that is shown. */
static CURLcode url_take_userinfo(rwith_curl_url *url, const rwith_alloc *mem,
                                  CURLU *parts)
{
    char *user = NULL;
    char *password = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    CURLUcode found =
        curl_url_get(parts, CURLUPART_USER, &user, CURLU_URLDECODE);
    if (found != CURLUE_OK) {
        return found == CURLUE_NO_USER ? CURLE_OK : url_error(found);
    }
    found = curl_url_get(parts, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
    if (found != CURLUE_OK && found != CURLUE_NO_PASSWORD) {
        code = url_error(found);
        goto out;
    }
    size_t user_len = strlen(user);
    size_t password_len = password != NULL ? strlen(password) : 0;
    url->userpwd = rwith__curl_alloc(mem, user_len + password_len + 2);
    if (url->userpwd == NULL) {
        goto out;
    }
    memcpy(url->userpwd, user, user_len);
    url->userpwd[user_len] = ':';
    if (password_len > 0) {
        memcpy(url->userpwd + user_len + 1, password, password_len);
    }
    url->userpwd[user_len + 1 + password_len] = '\0';
    if (curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK) {
        code = CURLE_OK;
    }
out:
    curl_free(user);
    curl_free(password);
    return code;
}

static CURLcode url_check_scheme(CURLU *parts)
{
    char *scheme = NULL;
    CURLUcode found = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    CURLcode code = url_error(found);

    if (code == CURLE_OK && strcmp(scheme, "http") != 0 &&
        strcmp(scheme, "https") != 0) {
        code = CURLE_UNSUPPORTED_PROTOCOL;
    }
    curl_free(scheme);
    return code;
}

static CURLcode url_read_parts(rwith_curl_url *url, const rwith_alloc *mem,
                               CURLU *parts, const char *base, const char *text)
{
    unsigned flags = CURLU_GUESS_SCHEME;
    char *whole = NULL;
    CURLcode code = CURLE_OK;

    if (base != NULL) {
        code = url_error(curl_url_set(parts, CURLUPART_URL, base, 0));
        flags = CURLU_URLENCODE;
    }
    if (code == CURLE_OK) {
        code = url_error(curl_url_set(parts, CURLUPART_URL, text, flags));
    }
    if (code == CURLE_OK) {
        code = url_check_scheme(parts);
    }
    if (code == CURLE_OK) {
        code = url_take_userinfo(url, mem, parts);
    }
    if (code == CURLE_OK) {
        code = url_error(curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0));
    }
    if (code == CURLE_OK) {
        code = url_error(
            curl_url_get(parts, CURLUPART_URL, &whole, CURLU_PUNYCODE));
    }
    if (code == CURLE_OK &&
        (rwith__curl_bytes_add(&url->own, mem, whole, strlen(whole),
                               SIZE_MAX) != RWITH_OK ||
         rwith__curl_bytes_end(&url->own, mem) != RWITH_OK)) {
        code = CURLE_OUT_OF_MEMORY;
    }
    curl_free(whole);
    return code == CURLE_OK ? url_split(url, mem, url->own.ptr) : code;
}

CURLcode rwith__curl_url_read(rwith_curl_url *ret, const rwith_alloc *mem,
                              const char *base, const char *text)
{
    *ret = (rwith_curl_url){ 0 };
    if (base == NULL && url_is_plain(text) &&
        url_split(ret, mem, text) == CURLE_OK) {
        return CURLE_OK;
    }
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    CURLcode code = url_read_parts(ret, mem, parts, base, text);
    curl_url_cleanup(parts);
    return code;
}

CURLcode rwith__curl_url_at(const rwith_curl_url *url, const rwith_alloc *mem,
                            rwith_slice target, rwith_curl_bytes *ret)
{
    size_t front = (size_t)(url->target.ptr - url->text);

    ret->len = 0;
    if (rwith__curl_bytes_add(ret, mem, url->text, front, SIZE_MAX) !=
            RWITH_OK ||
        rwith__curl_bytes_add(ret, mem, target.ptr, target.len, SIZE_MAX) !=
            RWITH_OK ||
        rwith__curl_bytes_end(ret, mem) != RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    return CURLE_OK;
}

void rwith__curl_url_free(rwith_curl_url *url, const rwith_alloc *mem)
{
    if (url->userpwd != NULL) {
        volatile char *wipe = url->userpwd;

        while (*wipe != '\0') {
            *wipe++ = '\0';
        }
    }
    rwith__curl_release(mem, url->userpwd);
    rwith__curl_bytes_free(&url->own, mem);
    rwith__curl_bytes_free(&url->lower, mem);
    *url = (rwith_curl_url){ 0 };
}
