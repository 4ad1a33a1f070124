/* Options and other words of all commands: read, or named in a complaint. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cmd/command/command.h"

int
command_misused(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "hearthmail %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (usage: hearthmail help %s)\n", command);
	return EXIT_USAGE;
}

/* "; did you mean X?", or else "; expected A, B or C". */
static void
add_expected(
    const char *const *name, size_t n, const char *word, struct buf *out)
{
	struct sv_nearest near = {.word = sv_str(word)};
	size_t i;

	for (i = 0; i < n; i++)
		sv_nearest(&near, sv_str(name[i]));
	if (near.best.n > 0) {
		buf_addf(out, "; did you mean %.*s?", SV_ARG(near.best));
		return;
	}
	for (i = 0; i < n; i++)
		buf_addf(out, "%s%s",
		    i == 0	 ? "; expected "
		    : i + 1 == n ? " or "
				 : ", ",
		    name[i]);
}

size_t
command_verb(
    const char *command, const char *const *name, size_t n, const char *word)
{
	struct buf text;
	size_t i;

	for (i = 0; word != NULL && i < n; i++)
		if (strcmp(word, name[i]) == 0)
			return i;
	buf_init(&text, 4096);
	add_expected(name, n, word != NULL ? word : "", &text);
	if (word == NULL)
		(void)command_misused(command, "a word is missing%s", text.p);
	else
		(void)command_misused(
		    command, "unknown word \"%s\"%s", word, text.p);
	buf_fini(&text);
	return n;
}

static int
unknown(const struct command_words *w, const char *word)
{
	const char **name = xcalloc(w->noption + 1, sizeof *name);
	struct buf text;
	size_t i;

	for (i = 0; i < w->noption; i++)
		name[i] = w->option[i].name;
	buf_init(&text, 4096);
	add_expected(name, w->noption, word, &text);
	(void)command_misused(w->command, "unknown option %s%s", word,
	    w->noption > 0 ? text.p : "; it has none");
	buf_fini(&text);
	free(name);
	return EXIT_USAGE;
}

/* The option that the word is, and its value behind a '='; NULL: none. */
static const struct command_option *
find_option(const struct command_words *w, char *word, char **value)
{
	size_t i, n;

	for (i = 0; i < w->noption; i++) {
		n = strlen(w->option[i].name);
		if (strncmp(word, w->option[i].name, n) != 0)
			continue;
		*value = word[n] == '=' ? word + n + 1 : NULL;
		if (word[n] == '\0' || word[n] == '=')
			return &w->option[i];
	}
	return NULL;
}

static int
take_value(const struct command_words *w, const struct command_option *o,
    const char *value)
{
	const char *expected;

	if (o->text != NULL) {
		*o->text = value;
		return EXIT_FINE;
	}
	expected = o->read(o->arg, value);
	if (expected == NULL)
		return EXIT_FINE;
	return command_misused(
	    w->command, "%s \"%s\": %s", o->name, value, expected);
}

/* The option at argv[*i]; *i is its last word afterwards. */
static int
take_option(
    const struct command_words *w, int argc, char **argv, int *i, bool *seen)
{
	char *value = NULL;
	const struct command_option *o = find_option(w, argv[*i], &value);

	if (o == NULL)
		return unknown(w, argv[*i]);
	if (o->value == NULL && value != NULL)
		return command_misused(w->command, "%s has no value", o->name);
	if (o->value != NULL && seen[o - w->option] && !o->many)
		return command_misused(
		    w->command, "%s is given twice", o->name);
	seen[o - w->option] = true;
	if (o->flag != NULL)
		*o->flag = true;
	if (o->value == NULL)
		return EXIT_FINE;
	if (value == NULL) {
		if (*i + 1 >= argc)
			return command_misused(w->command,
			    "%s needs a value: %s", o->name, o->value);
		value = argv[++*i];
	}
	return take_value(w, o, value);
}

static int
check_count(const struct command_words *w, int n, char **argv)
{
	if (n > w->most && w->most == 0)
		return command_misused(w->command,
		    "unexpected \"%s\": it takes %s", argv[1],
		    w->noption > 0 ? "options only" : "no arguments");
	if (n > w->most)
		return command_misused(w->command,
		    "unexpected \"%s\": expected %s, and no more",
		    argv[w->most + 1], w->what);
	if (n < w->least)
		return command_misused(w->command, "%s: expected %s",
		    n == 0 ? "an argument is missing"
			   : "there are too few arguments",
		    w->what);
	return EXIT_FINE;
}

int
command_words(const struct command_words *w, int argc, char **argv, int *n_out)
{
	bool *seen = xcalloc(w->noption + 1, sizeof *seen), all = false;
	int i, n = 0, code = EXIT_FINE;

	for (i = 1; code == EXIT_FINE && i < argc; i++)
		if (all || argv[i][0] != '-' ||
		    (w->dashes && argv[i][1] != '-'))
			argv[1 + n++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			all = true;
		else
			code = take_option(w, argc, argv, &i, seen);
	free(seen);
	if (code == EXIT_FINE)
		code = check_count(w, n, argv);
	if (n_out != NULL)
		*n_out = n;
	return code;
}
