/*
 * server_options.h: rows of option tables that servers share.  settings: the
 * type that is read into; front, upstream: its members of these types.
 */
#ifndef RWITH_CLI_SERVER_OPTIONS_H
#define RWITH_CLI_SERVER_OPTIONS_H

#include <cli/option.h>

#include <launch/front.h>
#include <launch/upstream.h>

#include <stddef.h>

#define RWITH_MS_MAX (24u * 3600 * 1000)

/* What the front is before anything is said. */
#define RWITH_FRONT_DEFAULT                                                    \
    {                                                                          \
        .listen = "127.0.0.1:4490", .max_body = UINT64_C(1) << 30              \
    }

#define RWITH_OPTIONS_CLIENTS(settings, front)                                 \
    { "listen",                                                                \
      0,                                                                       \
      "ADDRESS",                                                               \
      "Clients",                                                               \
      "0.1",                                                                   \
      "ADDR:PORT or unix:PATH (default 127.0.0.1:4490)",                       \
      RWITH_OPTION_TEXT,                                                       \
      offsetof(settings, front.listen),                                        \
      0 },                                                                     \
        { "listen-cert",                                                       \
          0,                                                                   \
          "FILE",                                                              \
          "Clients",                                                           \
          "0.1",                                                               \
          "serve TLS and HTTP/2 with this certificate",                        \
          RWITH_OPTION_TEXT,                                                   \
          offsetof(settings, front.listen_cert),                               \
          0 },                                                                 \
        { "listen-key",                                                        \
          0,                                                                   \
          "FILE",                                                              \
          "Clients",                                                           \
          "0.1",                                                               \
          "and this key",                                                      \
          RWITH_OPTION_TEXT,                                                   \
          offsetof(settings, front.listen_key),                                \
          0 },                                                                 \
    {                                                                          \
        "max-body", 0, "SIZE", "Clients", "0.1",                               \
            "largest request body, 0: any (default 1G)", RWITH_OPTION_SIZE,    \
            offsetof(settings, front.max_body), 0                              \
    }

#define RWITH_OPTIONS_ORIGIN(settings, upstream)                               \
    { "to",                                                                    \
      0,                                                                       \
      "URL",                                                                   \
      "Origin",                                                                \
      "0.1",                                                                   \
      "the origin; a path is put before every target",                         \
      RWITH_OPTION_TEXT,                                                       \
      offsetof(settings, upstream.to),                                         \
      0 },                                                                     \
        { "insecure",                                                          \
          'k',                                                                 \
          NULL,                                                                \
          "Origin",                                                            \
          "0.1",                                                               \
          "do not verify the origin's certificate",                            \
          RWITH_OPTION_FLAG,                                                   \
          offsetof(settings, upstream.is_insecure),                            \
          0 },                                                                 \
        { "cacert",                                                            \
          0,                                                                   \
          "FILE",                                                              \
          "Origin",                                                            \
          "0.1",                                                               \
          "authorities to verify the origin with",                             \
          RWITH_OPTION_TEXT,                                                   \
          offsetof(settings, upstream.cacert),                                 \
          0 },                                                                 \
        { "cert",                                                              \
          'E',                                                                 \
          "FILE",                                                              \
          "Origin",                                                            \
          "0.1",                                                               \
          "a certificate of ours for the origin",                              \
          RWITH_OPTION_TEXT,                                                   \
          offsetof(settings, upstream.cert),                                   \
          0 },                                                                 \
        { "key",                                                               \
          0,                                                                   \
          "FILE",                                                              \
          "Origin",                                                            \
          "0.1",                                                               \
          "and its key",                                                       \
          RWITH_OPTION_TEXT,                                                   \
          offsetof(settings, upstream.key),                                    \
          0 },                                                                 \
        { "timeout",                                                           \
          0,                                                                   \
          "SECONDS",                                                           \
          "Origin",                                                            \
          "0.1",                                                               \
          "longest silence of the origin (default 60)",                        \
          RWITH_OPTION_SECONDS,                                                \
          offsetof(settings, upstream.timeout_ms),                             \
          RWITH_MS_MAX },                                                      \
    {                                                                          \
        "connect-timeout", 0, "SECONDS", "Origin", "0.1",                      \
            "longest wait for a connection (default 10)",                      \
            RWITH_OPTION_SECONDS,                                              \
            offsetof(settings, upstream.connect_timeout_ms), RWITH_MS_MAX      \
    }

/* What an upstream is before anything is said. */
#define RWITH_UPSTREAM_DEFAULT                                                 \
    {                                                                          \
        .timeout_ms = 60000, .connect_timeout_ms = 10000                       \
    }

#define RWITH_OPTION_WORKERS(settings, front)                                  \
    {                                                                          \
        "workers", 0, "N", "Running", "0.1",                                   \
            "processes (default: one a processor, up to 4)",                   \
            RWITH_OPTION_NUMBER, offsetof(settings, front.workers), 64         \
    }

#define RWITH_OPTION_LOG(settings, front, help)                                \
    {                                                                          \
        "log", 0, "FILE", "Running", "0.1", help, RWITH_OPTION_TEXT,           \
            offsetof(settings, front.log), 0                                   \
    }

/* color: a member that nobody looks at. */
#define RWITH_OPTIONS_RUNNING(settings, front, color)                          \
    { "module",                                                                \
      0,                                                                       \
      "FILE",                                                                  \
      "Running",                                                               \
      "0.1",                                                                   \
      "ngx_http_retry_with_module.so",                                         \
      RWITH_OPTION_TEXT,                                                       \
      offsetof(settings, front.module),                                        \
      0 },                                                                     \
        { "print-config",                                                      \
          0,                                                                   \
          NULL,                                                                \
          "Running",                                                           \
          "0.1",                                                               \
          "print nginx's configuration and leave",                             \
          RWITH_OPTION_FLAG,                                                   \
          offsetof(settings, front.print_config),                              \
          0 },                                                                 \
        { "verbose",                                                           \
          'v',                                                                 \
          NULL,                                                                \
          "Running",                                                           \
          "0.1",                                                               \
          "tell how nginx is run",                                             \
          RWITH_OPTION_FLAG,                                                   \
          offsetof(settings, front.is_verbose),                                \
          0 },                                                                 \
    {                                                                          \
        "color", 0, "auto|always|never", "Running", "0.1",                     \
            "as with fetch; there is no colour here", RWITH_OPTION_CHOICE,     \
            offsetof(settings, color), 0                                       \
    }

#endif
