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
    "<meta name=\"viewport\" content=\"width=device-width, "
    "initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>retrywith sandbox</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --paper: #f5f6f8; --card: #fff;\n"
    "  --ink: #1b2230; --soft: #525d70; --line: #dde1e8; --well: #f5f6f8;\n"
    "  --accent: #1d4fb8; --mark: #e6edfb; }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #11141a;\n"
    "  --card: #1a1f28; --ink: #e6e9ef; --soft: #a7b1c1; --line: #2d3542;\n"
    "  --well: #12161d; --accent: #8db4ff; --mark: #222d45; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0; background: var(--paper); color: var(--ink);\n"
    "  font: 1rem/1.55 system-ui, -apple-system, \"Segoe UI\", Roboto,\n"
    "  sans-serif; -webkit-text-size-adjust: 100%; }\n"
    "main { max-width: 48rem; margin: 0 auto;\n"
    "  padding: clamp(1.5rem, 5vh, 3.5rem) 1.25rem 4rem; }\n"
    ".version { display: inline-block; margin: 0; padding: .15rem .7rem;\n"
    "  border: 1px solid transparent; border-radius: 1rem;\n"
    "  background: var(--mark); color: var(--accent); font-size: .8125rem;\n"
    "  font-weight: 600; }\n"
    "h1 { margin: .8rem 0 .4rem; line-height: 1.2;\n"
    "  font-size: clamp(1.5rem, 1.2rem + 1.6vw, 2rem);\n"
    "  letter-spacing: -.015em; }\n"
    "p { margin: .25rem 0 .75rem; color: var(--soft); }\n"
    ".lead { font-size: 1.0625rem; text-wrap: pretty; }\n"
    "section { margin-top: 1rem; padding: 1.125rem 1.25rem 1.25rem;\n"
    "  background: var(--card); border: 1px solid var(--line);\n"
    "  border-radius: .75rem; }\n"
    "h2, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas,\n"
    "  \"Liberation Mono\", monospace; }\n"
    "h2 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }\n"
    "pre { margin: 0; padding: .75rem 1rem; font-size: .8125rem;\n"
    "  line-height: 1.6; background: var(--well); border-radius: .5rem;\n"
    "  border: 1px solid var(--line); white-space: pre-wrap;\n"
    "  overflow-wrap: anywhere; }\n"
    "pre span { display: block; padding-left: 1.25em;\n"
    "  text-indent: -1.25em; }\n"
    "pre span + span { margin-top: .25rem; }\n"
    "a { color: var(--accent); text-decoration: none; }\n"
    "a:hover { text-decoration: underline; }\n"
    ":focus-visible { outline: 3px solid var(--accent);\n"
    "  outline-offset: 2px; border-radius: .2rem; }\n"
    "@media (max-width: 30rem) { main { padding-left: 1rem;\n"
    "  padding-right: 1rem; } section { padding: 1rem; } }\n"
    "</style>\n"
    "</head>\n"
    "<body>\n"
    "<main>\n"
    "<p class=\"version\">retrywith " RWITH_VERSION "</p>\n"
    "<h1>Sandbox</h1>\n"
    "<p class=\"lead\">" ABOUT "</p>\n"
    "<p>Of each two lines the first shows the refusal, and the second gets "
    "through.</p>\n";

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
        rwith__text_puts(text, "</p>\n<pre><span>");
        put_escaped(text, base, &entries[i], put_refused, rwith__text_html);
        rwith__text_puts(text, "\n</span><span>");
        put_escaped(text, base, &entries[i], put_fetched, rwith__text_html);
        rwith__text_puts(text, "</span></pre>\n</section>\n");
    }
    rwith__text_puts(text, "</main>\n</body>\n</html>\n");
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
