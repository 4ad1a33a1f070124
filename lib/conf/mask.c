/* A configuration's text for others' eyes: what is a secret in it, or was meant
 * as one, is not shown. */
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "conf/conf.h"

#define HIDDEN "***"
#define BLANKS " \t\r"

/* There is no key but metrics.token that has one; people try the others, and
 * may leave them in a comment. */
static const char *const names[] = {"token", "password", "passwd", "secret",
    "hmac", "hmac_key", "mac_key", "api_key", "private_key"};

static bool
is_secret(struct sv name)
{
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (sv_ieq(name, sv_str(names[i])))
			return true;
	return false;
}

/* ---- by line, comments too, whether it is YAML or not ---- */

static bool
is_word(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '-';
}

static size_t
skip(struct sv line, size_t i, const char *chars)
{
	while (i < line.n && strchr(chars, line.p[i]) != NULL)
		i++;
	return i;
}

/* Where the value begins that follows a secret's name in the line. */
static bool
value_in(struct sv line, size_t *from_out)
{
	size_t i = 0, from;

	while (i < line.n) {
		if (!is_word(line.p[i])) {
			i++;
			continue;
		}
		from = i;
		while (i < line.n && is_word(line.p[i]))
			i++;
		if (!is_secret(sv_of(line.p + from, i - from)))
			continue;
		i = skip(line, i, " \t\"'");
		if (i < line.n && line.p[i] == ':') {
			*from_out = skip(line, i + 1, BLANKS);
			return true;
		}
	}
	return false;
}

/* whole: outside comments, values on lines of their own have been found. */
static void
hide_lines(struct sv text, bool whole, bool *hidden)
{
	struct sv rest = text;
	bool due = false; /* a value is, on one of the next lines */

	while (rest.n > 0) {
		size_t at = text.n - rest.n, from;
		struct sv line = sv_split(&rest, '\n');
		size_t first = skip(line, 0, BLANKS);
		size_t body = skip(line, first, BLANKS "#-");
		bool comment = first < line.n && line.p[first] == '#';
		bool named = value_in(line, &from);

		if (!named)
			from = due && (comment || !whole) ? body : line.n;
		memset(hidden + at + from, true, line.n - from);
		if (body < line.n)
			due = named && from == line.n;
	}
}

/* ---- by token: values on lines of their own ---- */

struct scan {
	struct sv text;
	bool *hidden;
	size_t chars, bytes; /* as far as they have been compared */
	int depth;
	int secret; /* the depth of the key whose value this is; -1: none */
	bool key;   /* the next scalar is one */
};

/* libyaml counts characters. */
static size_t
byte_of(struct scan *s, size_t chars)
{
	while (s->chars < chars && s->bytes < s->text.n) {
		s->bytes++;
		while (s->bytes < s->text.n &&
		       ((unsigned char)s->text.p[s->bytes] & 0xc0) == 0x80)
			s->bytes++;
		s->chars++;
	}
	return s->bytes;
}

static void
hide_scalar(struct scan *s, const yaml_token_t *t)
{
	size_t from = byte_of(s, t->start_mark.index);
	size_t to = byte_of(s, t->end_mark.index);

	memset(s->hidden + from, true, to - from);
}

static void
look_at_scalar(struct scan *s, const yaml_token_t *t)
{
	if (s->secret >= 0)
		hide_scalar(s, t);
	else if (s->key && is_secret(sv_of((const char *)t->data.scalar.value,
			       t->data.scalar.length)))
		s->secret = s->depth;
	s->key = false;
}

static void
look_at(struct scan *s, const yaml_token_t *t)
{
	if (t->type == YAML_BLOCK_MAPPING_START_TOKEN ||
	    t->type == YAML_BLOCK_SEQUENCE_START_TOKEN ||
	    t->type == YAML_FLOW_MAPPING_START_TOKEN ||
	    t->type == YAML_FLOW_SEQUENCE_START_TOKEN) {
		s->depth++;
	} else if (t->type == YAML_BLOCK_END_TOKEN ||
		   t->type == YAML_FLOW_MAPPING_END_TOKEN ||
		   t->type == YAML_FLOW_SEQUENCE_END_TOKEN) {
		s->depth--;
		if (s->depth < s->secret)
			s->secret = -1;
	} else if (t->type == YAML_KEY_TOKEN ||
		   t->type == YAML_FLOW_ENTRY_TOKEN) {
		if (s->depth <= s->secret)
			s->secret = -1;
		s->key = t->type == YAML_KEY_TOKEN;
	} else if (t->type == YAML_SCALAR_TOKEN) {
		look_at_scalar(s, t);
	} else if (t->type == YAML_VALUE_TOKEN && s->secret >= 0) {
		(void)byte_of(s, t->end_mark.index + 1); /* a blank */
	}
}

/* false: not YAML, or not to its end. */
static bool
hide_values(struct sv text, bool *hidden)
{
	struct scan s = {.text = text, .hidden = hidden, .secret = -1};
	yaml_parser_t y;
	yaml_token_t t;
	bool end = false;

	must(yaml_parser_initialize(&y) == 1);
	yaml_parser_set_input_string(&y, (const unsigned char *)text.p, text.n);
	while (!end && yaml_parser_scan(&y, &t) == 1) {
		end = t.type == YAML_STREAM_END_TOKEN;
		look_at(&s, &t);
		yaml_token_delete(&t);
	}
	/* Nobody knows where a value ends that cannot be read. */
	if (!end && s.secret >= 0)
		memset(hidden + s.bytes, true, text.n - s.bytes);
	yaml_parser_delete(&y);
	return end;
}

void
conf_mask(struct sv text, struct buf *out)
{
	bool *hidden = xcalloc(text.n + 1, sizeof *hidden);
	size_t i;

	hide_lines(text, hide_values(text, hidden), hidden);
	for (i = 0; i < text.n; i++) {
		/* Lines keep their numbers. */
		if (!hidden[i] || text.p[i] == '\n')
			buf_addc(out, text.p[i]);
		else if (i == 0 || !hidden[i - 1] || text.p[i - 1] == '\n')
			buf_adds(out, HIDDEN);
	}
	free(hidden);
}
