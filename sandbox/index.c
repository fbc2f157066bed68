/*
 * index.c: writes the sandbox's front page, as one self-contained HTML page
 * without script, or as JSON.  What the paths do is in sandbox.c.
 */
#include <sandbox/index.h>

#define ABOUT                                                                  \
    "A test origin for 449 Retry With and its relatives. Each path refuses "   \
    "a request until it brings what is wanted, then answers 200 with an "      \
    "account of what arrived."

static const char page_head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>retrywith sandbox</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --edge: #8884; --quiet: #888; }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem;\n"
    "       margin: 2.5rem auto; padding: 0 1.25rem; }\n"
    "h1 { font-size: 1.6rem; margin: 0; }\n"
    "h1 small { font-weight: normal; color: var(--quiet); }\n"
    "section { border-top: 1px solid var(--edge); padding: 1rem 0; }\n"
    "h2 { font: 600 1rem ui-monospace, monospace; margin: 0; }\n"
    "p { margin: .25rem 0 .5rem; }\n"
    "pre { font: .85rem/1.5 ui-monospace, monospace; margin: 0;\n"
    "      padding: .5rem .75rem; border: 1px solid var(--edge);\n"
    "      border-radius: .35rem; white-space: pre-wrap;\n"
    "      overflow-wrap: anywhere; }\n"
    "a { color: inherit; }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
    "<h1>retrywith sandbox <small>" RWITH_VERSION "</small></h1>\n"
    "<p>" ABOUT "</p>\n"
    "<p>The first line shows the refusal, the second gets through.</p>\n";

static void put_refused(struct rwith__text *text, rwith_slice base,
                        const struct rwith__sandbox_entry *entry)
{
    rwith__text_puts(text, "curl -i '");
    rwith__text_put(text, base);
    rwith__text_puts(text, entry->example);
    rwith__text_puts(text, "'");
}

static void put_fetched(struct rwith__text *text, rwith_slice base,
                        const struct rwith__sandbox_entry *entry)
{
    rwith__text_puts(text, "retrywith fetch ");
    rwith__text_puts(text, entry->options);
    rwith__text_puts(text, "'");
    rwith__text_put(text, base);
    rwith__text_puts(text, entry->example);
    rwith__text_puts(text, "'");
}

typedef void (*put_line)(struct rwith__text *text, rwith_slice base,
                         const struct rwith__sandbox_entry *entry);

/* A line, put through an escape. */
static void put_escaped(struct rwith__text *text, rwith_slice base,
                        const struct rwith__sandbox_entry *entry, put_line line,
                        void (*escape)(struct rwith__text *text, rwith_slice s))
{
    char buf[1024];
    struct rwith__text plain = { .buf = buf, .max = sizeof(buf) };

    line(&plain, base, entry);
    escape(text, (rwith_slice){ plain.buf, plain.len });
}

void rwith__sandbox_index_html(struct rwith__text *text, rwith_slice base,
                               const struct rwith__sandbox_entry *entries,
                               size_t count)
{
    rwith__text_puts(text, page_head);
    for (size_t i = 0; i < count; i++) {
        rwith__text_puts(text, "<section>\n<h2><a href=\"");
        rwith__text_html(text, rwith_slice_of(entries[i].example));
        rwith__text_puts(text, "\">");
        rwith__text_html(text, rwith_slice_of(entries[i].path));
        rwith__text_puts(text, "</a></h2>\n<p>");
        rwith__text_html(text, rwith_slice_of(entries[i].wants));
        rwith__text_puts(text, "</p>\n<pre>");
        put_escaped(text, base, &entries[i], put_refused, rwith__text_html);
        rwith__text_puts(text, "\n");
        put_escaped(text, base, &entries[i], put_fetched, rwith__text_html);
        rwith__text_puts(text, "</pre>\n</section>\n");
    }
    rwith__text_puts(text, "</body>\n</html>\n");
}

void rwith__sandbox_index_json(struct rwith__text *text, rwith_slice base,
                               const struct rwith__sandbox_entry *entries,
                               size_t count)
{
    rwith__text_puts(text, "{\n  \"about\": \"" ABOUT "\",\n"
                           "  \"paths\": [\n");
    for (size_t i = 0; i < count; i++) {
        rwith__text_puts(text, "    { \"path\": ");
        rwith__text_json(text, rwith_slice_of(entries[i].path));
        rwith__text_puts(text, ",\n      \"wants\": ");
        rwith__text_json(text, rwith_slice_of(entries[i].wants));
        rwith__text_puts(text, ",\n      \"refused\": ");
        put_escaped(text, base, &entries[i], put_refused, rwith__text_json);
        rwith__text_puts(text, ",\n      \"try\": ");
        put_escaped(text, base, &entries[i], put_fetched, rwith__text_json);
        rwith__text_puts(text, i + 1 < count ? " },\n" : " }\n");
    }
    rwith__text_puts(text, "  ]\n}\n");
}
