/*
 * Reads a command line by a subcommand's table.  Knows no subcommand, opens
 * no file.
 */
#include <cli/option.h>

#include <cli/commands.h>
#include <retrywith/base.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

/* What a command line is read with. */
struct reader {
    const rwith_option_table *table;
    char **argv;
    int argc;
    int next; /* index of the word after the one that is looked at */
    char *settings;
    rwith_option_list *operands;
};

unsigned rwith_option_distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len >= WORD_MAX || b_len >= WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned cost = diagonal + (a[i - 1] != b[j - 1]);
            unsigned up = row[j] + 1;
            unsigned left = row[j - 1] + 1;

            diagonal = row[j];
            cost = up < cost ? up : cost;
            row[j] = left < cost ? left : cost;
        }
    }
    return row[b_len];
}

static void print_option(const rwith_option *option)
{
    char left[WORD_MAX];
    const char *argument = option->argument != NULL ? option->argument : "";
    const char *space = option->argument != NULL ? " " : "";
    int len;

    if (option->letter != 0) {
        len = snprintf(left, sizeof(left), "-%c, --%s%s%s", option->letter,
                       option->name, space, argument);
    } else {
        len = snprintf(left, sizeof(left), "    --%s%s%s", option->name, space,
                       argument);
    }
    if (len > 26) {
        printf("  %s\n  %-26s %s\n", left, "", option->help);
    } else {
        printf("  %-26s %s\n", left, option->help);
    }
}

static void print_help(const rwith_option_table *table)
{
    const char *group = "";

    printf("Usage: retrywith %s %s\n\n%s\n", table->command, table->synopsis,
           table->about);
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(group, table->options[i].group) != 0) {
            group = table->options[i].group;
            printf("\n%s:\n", group);
        }
        print_option(&table->options[i]);
    }
    printf("\nAlways there:\n"
           "  -h, --help                 print this and end\n"
           "  -V, --version              print the version and end\n");
    if (table->footer != NULL) {
        printf("\n%s\n", table->footer);
    }
}

/* Tell of an unknown option, and of the nearest that there is. */
static void complain_unknown(const rwith_option_table *table, const char *word,
                             size_t word_len)
{
    char name[WORD_MAX] = "";
    const char *dashes = word_len == 1 ? "-" : "--";
    const char *best = NULL;
    unsigned least = 3;

    /* A letter resembles every short word. */
    if (word_len > 1 && word_len < sizeof(name)) {
        memcpy(name, word, word_len);
        for (size_t i = 0; i < table->count; i++) {
            unsigned distance =
                rwith_option_distance(name, table->options[i].name);

            if (distance < least) {
                least = distance;
                best = table->options[i].name;
            }
        }
    }
    if (best != NULL) {
        rwith_complain("'--%.*s' is no option of %s, did you mean '--%s'? "
                       "'retrywith %s --help' lists them",
                       (int)word_len, word, table->command, best,
                       table->command);
    } else {
        rwith_complain("'%s%.*s' is no option of %s, "
                       "'retrywith %s --help' lists them",
                       dashes, (int)word_len, word, table->command,
                       table->command);
    }
}

static bool list_append(rwith_option_list *list, const rwith_option *option,
                        const char *value)
{
    rwith_option_item *items =
        realloc(list->items, (list->count + 1) * sizeof(*items));

    if (items == NULL) {
        rwith_complain("out of memory");
        return false;
    }
    list->items = items;
    items[list->count++] = (rwith_option_item){ option, value };
    return true;
}

void rwith_option_list_free(rwith_option_list *list)
{
    free(list->items);
    *list = (rwith_option_list){ NULL, 0 };
}

/* Digits, up to max; *cursor is moved behind them. */
static bool take_digits(const char **cursor, uint64_t max, uint64_t *ret)
{
    const char *p = *cursor;
    uint64_t value = 0;

    if (*p < '0' || *p > '9') {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *cursor = p;
    *ret = value;
    return true;
}

static bool read_seconds(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    uint64_t unit = 1000;

    if (!take_digits(&text, max / 1000, &value)) {
        return false;
    }
    value *= 1000;
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            unit /= 10;
            value += (uint64_t)(*text - '0') * unit;
        }
    }
    *ret = value;
    return *text == '\0' && value <= max;
}

static bool read_size(const char *text, uint64_t max, uint64_t *ret)
{
    static const struct {
        char letter;
        unsigned shift;
    } units[] = { { '\0', 0 }, { 'k', 10 }, { 'K', 10 }, { 'm', 20 },
                  { 'M', 20 }, { 'g', 30 }, { 'G', 30 } };
    uint64_t value;

    if (!take_digits(&text, max, &value)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (*text == units[i].letter) {
            *ret = value << units[i].shift;
            return (*text == '\0' || text[1] == '\0') &&
                   value <= max >> units[i].shift;
        }
    }
    return false;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strcspn(value, "|");

    if (value[len] != '\0') {
        return false;
    }
    for (const char *p = choices; p != NULL; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, value, len) == 0 && len > 0 &&
            (p[len] == '|' || p[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
    return take_digits(&text, max, ret) && *text == '\0';
}

/* Kinds whose value is a number: how it is read, and what was expected. */
static const struct number_kind {
    bool (*read)(const char *text, uint64_t max, uint64_t *ret);
    const char *expected;
    unsigned unit; /* what a one of the text is in the member */
} number_kinds[] = {
    [RWITH_OPTION_NUMBER] = { read_number, "a whole number", 1 },
    [RWITH_OPTION_SECONDS] = { read_seconds, "seconds, as 5 or 2.5,", 1000 },
    [RWITH_OPTION_SIZE] = { read_size, "a size, as 65536, 64k or 10M,", 1 },
};

static bool store_number(const rwith_option *option, const char *value,
                         void *member)
{
    const struct number_kind *kind = &number_kinds[option->kind];
    uint64_t max = option->max != 0 ? option->max : UINT64_MAX / 2;
    uint64_t number;

    if (!kind->read(value, max, &number)) {
        char most[40] = "";

        if (option->max != 0) {
            snprintf(most, sizeof(most), ", %llu at most",
                     (unsigned long long)option->max / kind->unit);
        }
        rwith_complain("'%s' is no value for --%s, %s is expected%s", value,
                       option->name, kind->expected, most);
        return false;
    }
    memcpy(member, &number, sizeof(number));
    return true;
}

/* Put a value where its option says. */
static bool store(struct reader *r, const rwith_option *option,
                  const char *value)
{
    char *member = r->settings + option->offset;
    bool given = true;

    switch (option->kind) {
    case RWITH_OPTION_FLAG:
        memcpy(member, &given, sizeof(given));
        return true;
    case RWITH_OPTION_CHOICE:
        if (!is_choice(option->argument, value)) {
            rwith_complain("'%s' is no value for --%s, one of %s is expected",
                           value, option->name, option->argument);
            return false;
        }
        memcpy(member, &value, sizeof(value));
        return true;
    case RWITH_OPTION_TEXT:
        memcpy(member, &value, sizeof(value));
        return true;
    case RWITH_OPTION_LIST:
        return list_append((void *)member, option, value);
    case RWITH_OPTION_NUMBER:
    case RWITH_OPTION_SECONDS:
    case RWITH_OPTION_SIZE:
        return store_number(option, value, member);
    }
    return false;
}

/* The option's argument: attached, or the next word. */
static bool take_argument(struct reader *r, const rwith_option *option,
                          const char *attached, const char **ret)
{
    *ret = "";
    if (option->argument == NULL) {
        return true;
    }
    if (attached != NULL) {
        *ret = attached;
        return true;
    }
    if (r->next >= r->argc) {
        rwith_complain("--%s lacks its argument, write --%s %s", option->name,
                       option->name, option->argument);
        return false;
    }
    *ret = r->argv[r->next++];
    return true;
}

/* "--name", "--name=value" */
static bool read_long(struct reader *r, const char *word)
{
    size_t len = strcspn(word, "=");
    const char *attached = word[len] == '=' ? word + len + 1 : NULL;
    const char *value;

    for (size_t i = 0; i < r->table->count; i++) {
        const rwith_option *option = &r->table->options[i];

        if (strncmp(option->name, word, len) != 0 ||
            option->name[len] != '\0') {
            continue;
        }
        if (attached != NULL && option->argument == NULL) {
            rwith_complain("--%s takes no argument, leave '=%s' out",
                           option->name, attached);
            return false;
        }
        return take_argument(r, option, attached, &value) &&
               store(r, option, value);
    }
    complain_unknown(r->table, word, len);
    return false;
}

static const rwith_option *find_letter(const rwith_option_table *table,
                                       char letter)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->options[i].letter == letter) {
            return &table->options[i];
        }
    }
    return NULL;
}

/* "-s", "-sSL", "-XPOST", "-X POST" */
static bool read_short(struct reader *r, const char *letters)
{
    const char *value;

    for (; *letters != '\0'; letters++) {
        const rwith_option *option = find_letter(r->table, *letters);

        if (option == NULL) {
            complain_unknown(r->table, letters, 1);
            return false;
        }
        bool has_rest = option->argument != NULL && letters[1] != '\0';
        if (!take_argument(r, option, has_rest ? letters + 1 : NULL, &value) ||
            !store(r, option, value)) {
            return false;
        }
        if (option->argument != NULL) {
            return true;
        }
    }
    return true;
}

/* Help and version go before everything: a wrong line may hold them. */
static bool is_told(const rwith_option_table *table, const char *word)
{
    if (strcmp(word, "--help") == 0 ||
        (strcmp(word, "-h") == 0 && find_letter(table, 'h') == NULL)) {
        print_help(table);
        return true;
    }
    if (strcmp(word, "--version") == 0 ||
        (strcmp(word, "-V") == 0 && find_letter(table, 'V') == NULL)) {
        puts("retrywith " RWITH_VERSION);
        return true;
    }
    return false;
}

static bool check_operands(const rwith_option_table *table,
                           const rwith_option_list *operands)
{
    if (operands->count < table->operands_min) {
        rwith_complain("something is missing, write 'retrywith %s %s'",
                       table->command, table->synopsis);
        return false;
    }
    if (operands->count > table->operands_max) {
        rwith_complain("'%s' is one too many, write 'retrywith %s %s'",
                       operands->items[table->operands_max].value,
                       table->command, table->synopsis);
        return false;
    }
    return true;
}

static bool read_word(struct reader *r, const char *word, bool *options_end)
{
    if (*options_end || word[0] != '-' || word[1] == '\0') {
        return list_append(r->operands, NULL, word);
    }
    if (strcmp(word, "--") == 0) {
        *options_end = true;
        return true;
    }
    return word[1] == '-' ? read_long(r, word + 2) : read_short(r, word + 1);
}

bool rwith_option_parse(const rwith_option_table *table, int argc, char **argv,
                        void *settings, rwith_option_list *operands,
                        int *ret_status)
{
    struct reader r = { table, argv, argc, 1, settings, operands };
    bool options_end = false;

    *operands = (rwith_option_list){ NULL, 0 };
    while (r.next < r.argc) {
        const char *word = r.argv[r.next++];

        if (!options_end && is_told(table, word)) {
            *ret_status = 0;
            return false;
        }
        if (!read_word(&r, word, &options_end)) {
            *ret_status = RWITH_EXIT_USAGE;
            return false;
        }
    }
    if (!check_operands(table, operands)) {
        *ret_status = RWITH_EXIT_USAGE;
        return false;
    }
    return true;
}
