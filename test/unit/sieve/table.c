#include "test/unit/sieve/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

#define FILE_MAX_BYTES (4 << 20)

static struct table_block *
find_block(struct table_block *b, size_t n, struct sv name)
{
	for (size_t i = 0; i < n; i++)
		if (sv_eq(sv_str(b[i].name), name))
			return &b[i];
	return NULL;
}

/* Lines with a tab in front, without it, with CRLF. */
static void
take_text(struct sv *rest, unsigned *line, struct buf *out)
{
	while (rest->n > 0 && rest->p[0] == '\t') {
		struct sv l = sv_split(rest, '\n');

		buf_addsv(out, sv_skip(l, 1));
		buf_adds(out, "\r\n");
		++*line;
	}
}

static void
take_block(struct table_block *b, size_t *n, struct sv name, struct sv *rest,
    unsigned *line)
{
	struct table_block *x = find_block(b, *n, name);

	if (x == NULL) {
		must(*n < TABLE_BLOCKS);
		x = &b[(*n)++];
		x->name = sv_dup(name);
		buf_init(&x->text, 1 << 20);
	}
	buf_reset(&x->text);
	take_text(rest, line, &x->text);
}

/* "key value" behind "@" */
static void
set_option(struct table *t, struct table_row *r, struct sv s)
{
	struct sv key = sv_split(&s, ' '), v = s.p != NULL ? s : SV("");
	struct table_block *b;
	uint64_t u = 0;
	bool minus = v.n > 0 && v.p[0] == '-';

	if (sv_to_u64(sv_skip(v, minus), INT64_MAX, &u) != RC_OK)
		u = 0; /* not a number */
	if (sv_eq(key, SV("message"))) {
		b = find_block(t->message, t->nmessages, v);
		must(b != NULL);
		buf_reset(&r->message);
		buf_addsv(&r->message, buf_sv(&b->text));
	} else if (sv_eq(key, SV("from"))) {
		r->from = v;
	} else if (sv_eq(key, SV("to"))) {
		r->to = v;
	} else if (sv_eq(key, SV("no-envelope"))) {
		r->has_envelope = false;
	} else if (sv_eq(key, SV("junk"))) {
		r->junk = true;
	} else if (sv_eq(key, SV("twice"))) {
		r->twice = true;
	} else if (sv_eq(key, SV("spam"))) {
		r->spam = minus ? -(int)u : (int)u;
	} else if (sv_eq(key, SV("virus"))) {
		r->virus = (int)u;
	} else if (sv_eq(key, SV("now"))) {
		r->now = (int64_t)u;
	} else if (sv_eq(key, SV("zone"))) {
		r->zone = minus ? -(int32_t)u : (int32_t)u;
	} else if (sv_eq(key, SV("steps"))) {
		r->steps = (unsigned)u;
	} else {
		must_fail("unknown option in a row", r->name, (int)r->line);
	}
}

/* ---- what has become of it ---- */

/* "\r", "\n", "\t" and "\\" */
static void
unescape(struct sv s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\' && i + 1 < s.n) {
			c = s.p[++i];
			c = (char)(c == 'r'   ? '\r'
				   : c == 'n' ? '\n'
				   : c == 't' ? '\t'
					      : c);
		}
		buf_addc(out, c);
	}
}

static struct sv
content(const struct sieve_action *a)
{
	return a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO ||
		       a->kind == SIEVE_REDIRECT
		   ? a->message
		   : a->letter.bytes;
}

/* Lines that begin with the mark, in order, are those of got; of content
 * "|" must be, "-" must not be in the action before. */
static bool
check_actions(
    const struct table_row *r, const struct sieve_result *got, struct buf *why)
{
	size_t at = 0;
	struct buf b;
	bool ok = true;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < r->nwant; i++) {
		struct sv w = r->want[i], text = sv_skip(w, 2);
		bool found;

		buf_reset(&b);
		switch (w.p[0]) {
		case '>':
			if (at < got->n)
				sieve_action_print(&got->action[at], &b);
			at++;
			ok &= sv_eq(text, buf_sv(&b));
			break;
		case '|':
		case '-':
			unescape(text, &b);
			must(at > 0);
			found =
			    at <= got->n &&
			    sv_find(content(&got->action[at - 1]), buf_sv(&b)) <
				content(&got->action[at - 1]).n;
			if (found != (w.p[0] == '|')) {
				ok = false;
				buf_addf(why, "  %s \"%.*s\" in:\n%.*s\n",
				    found ? "found" : "did not find",
				    SV_ARG(text),
				    at <= got->n
					? (int)content(&got->action[at - 1]).n
					: 0,
				    at <= got->n
					? content(&got->action[at - 1]).p
					: "");
			}
			break;
		default:
			break;
		}
	}
	buf_fini(&b);
	return ok && at == got->n;
}

static void
tell(const struct table_row *r, const struct sieve_result *got, struct buf *why)
{
	for (size_t i = 0; i < r->nwant; i++)
		buf_addf(why, "  want %.*s\n", SV_ARG(r->want[i]));
	for (size_t i = 0; got != NULL && i < got->n; i++) {
		buf_adds(why, "  got  > ");
		sieve_action_print(&got->action[i], why);
		buf_adds(why, "\n");
	}
	if (got != NULL && got->failed)
		buf_addf(why, "  got  ~ %u:%u %s\n", got->error.line,
		    got->error.column, got->error.text);
}

/* The first line with that mark; p == NULL: there is none. */
static struct sv
wanted(const struct table_row *r, char mark)
{
	for (size_t i = 0; i < r->nwant; i++)
		if (r->want[i].p[0] == mark)
			return sv_skip(r->want[i], 2);
	return (struct sv){0};
}

/* Each line of the mark is "line:column " and the beginning of a text. */
static bool
check_errors(const struct table_row *r, char mark, const struct sieve_errors *e)
{
	size_t at = 0;
	struct buf b;
	bool ok = true;

	buf_init(&b, 1000);
	for (size_t i = 0; i < r->nwant; i++) {
		if (r->want[i].p[0] != mark)
			continue;
		buf_reset(&b);
		if (at < e->n && at < SIEVE_ERRORS_MAX)
			buf_addf(&b, "%u:%u %s", e->e[at].line, e->e[at].column,
			    e->e[at].text);
		at++;
		ok &= sv_eq(sv_skip(r->want[i], 2), buf_sv(&b));
	}
	buf_fini(&b);
	return ok && at == e->n;
}

static void
add_errors(char mark, const struct sieve_errors *e, struct buf *why)
{
	for (size_t i = 0; i < e->n && i < SIEVE_ERRORS_MAX; i++)
		buf_addf(why, "  got  %c %u:%u %s\n", mark, e->e[i].line,
		    e->e[i].column, e->e[i].text);
}

static bool
check_failure(const struct table_row *r, const struct sieve_result *got)
{
	struct sv want = wanted(r, '~');
	struct buf b;
	bool ok;

	if (want.p == NULL || !got->failed)
		return (want.p != NULL) == got->failed;
	buf_init(&b, 1000);
	buf_addf(&b, "%u:%u %s", got->error.line, got->error.column,
	    got->error.text);
	ok = sv_eq(want, buf_sv(&b));
	buf_fini(&b);
	return ok;
}

static void
commit(struct table *t, const struct sieve_result *got)
{
	for (size_t i = 0; i < got->nrecord && t->nrecords < 64; i++)
		t->record[t->nrecords++] = got->record[i];
}

static bool
check_records(const struct table_row *r, const struct sieve_result *got)
{
	struct sv want = wanted(r, '%');
	uint64_t seconds;

	if (want.p == NULL)
		return true;
	if (sv_eq(want, SV("none")))
		return got->nrecord == 0;
	must(sv_to_u64(want, INT64_MAX, &seconds) == RC_OK);
	return got->nrecord > 0 && got->record[0].seconds == (int64_t)seconds;
}

static bool
run_script(struct table *t, struct table_row *r, struct sieve_script **s,
    size_t n, struct buf *why)
{
	struct table_context c = {t, r};
	struct sieve_message m = {.bytes = buf_sv(&r->message),
	    .has_envelope = r->has_envelope,
	    .from = r->from,
	    .to = r->to,
	    .spam = r->spam,
	    .virus = r->virus,
	    .junk = r->junk};
	struct sieve_result got;
	bool ok;
	int rc;

	if (r->twice) {
		must(sieve_run(s, n, &m, &table_host, &c, &got) == RC_OK);
		commit(t, &got);
		sieve_result_fini(&got);
	}
	buf_reset(&t->trace);
	rc = sieve_run(s, n, &m, &table_host, &c, &got);
	if (rc != RC_OK || wanted(r, '.').p != NULL) {
		ok = (rc == RC_TEMP) == (wanted(r, '.').p != NULL);
		if (rc == RC_OK)
			sieve_result_fini(&got);
		else if (!ok)
			buf_adds(why, "  got  . try again\n");
		return ok;
	}
	ok = check_actions(r, &got, why) && check_failure(r, &got) &&
	     check_records(r, &got);
	if (!ok) {
		tell(r, &got, why);
		buf_addf(why, "  %.*s", SV_ARG(buf_sv(&t->trace)));
	}
	sieve_result_fini(&got);
	return ok;
}

static void
run_row(struct table *t, struct table_row *r, const char *path)
{
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sieve_script *s[2] = {NULL, NULL};
	static struct sieve_errors errors, warnings;
	struct buf why;
	bool ok;
	int rc;

	buf_init(&why, 1 << 20);
	if (r->steps > 0)
		o.limits.steps = r->steps;
	o.name = SV("main");
	o.warnings = &warnings;
	t->nrecords = 0;
	rc = sieve_compile(buf_sv(&r->script), &o, &s[0], &errors);
	ok = check_errors(r, '!', &errors) && check_errors(r, '?', &warnings);
	if (rc == RC_OK)
		ok = run_script(t, r, s, 1, &why) && ok;
	if (!ok) {
		if (rc != RC_OK)
			tell(r, NULL, &why);
		add_errors('!', &errors, &why);
		add_errors('?', &warnings, &why);
		(void)fprintf(
		    stderr, "%s:%u: %s\n%s\n", path, r->line, r->name, why.p);
		t->failed++;
	}
	t->rows++;
	sieve_script_free(&s[0]);
	buf_fini(&why);
}

static void
take_row(struct table *t, struct sv *rest, unsigned *line, struct sv name,
    const char *path)
{
	struct table_row r = {.name = sv_dup(name),
	    .line = *line - 1,
	    .from = SV("bob@example.net"),
	    .to = SV("anna@example.org"),
	    .has_envelope = true,
	    .spam = -1,
	    .now = 1796040000, /* Mon, 30 Nov 2026 12:00:00 UTC */
	    .zone = 60};

	buf_init(&r.script, 1 << 20);
	buf_init(&r.message, 1 << 20);
	set_option(t, &r, SV("message default"));
	while (rest->n > 0 && strchr("@\t>|-!?~.%", rest->p[0]) != NULL) {
		struct sv l;

		if (rest->p[0] == '\t') {
			take_text(rest, line, &r.script);
			continue;
		}
		l = sv_split(rest, '\n');
		++*line;
		if (l.p[0] == '@') {
			set_option(t, &r, sv_skip(l, 1));
		} else {
			must(r.nwant < TABLE_WANT);
			r.want[r.nwant++] = l;
		}
	}
	run_row(t, &r, path);
	buf_fini(&r.script);
	buf_fini(&r.message);
	free(r.name);
}

void
table_run(struct table *t, const char *path)
{
	struct buf text;
	struct sv rest;
	unsigned line = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	buf_init(&text, FILE_MAX_BYTES);
	if (t->trace.max == 0)
		buf_init(&t->trace, 1 << 20);
	for (;;) {
		char *p = buf_reserve(&text, 65536);
		ssize_t n;

		must(p != NULL);
		n = read(fd, p, 65536);
		must(n >= 0);
		buf_added(&text, (size_t)n);
		if (n == 0)
			break;
	}
	(void)close(fd);
	rest = buf_sv(&text);
	while (rest.n > 0) {
		struct sv l = sv_split(&rest, '\n');

		line++;
		if (sv_starts(l, SV("= ")))
			take_block(t->message, &t->nmessages, sv_skip(l, 2),
			    &rest, &line);
		else if (sv_starts(l, SV("+ ")))
			take_block(t->script, &t->nscripts, sv_skip(l, 2),
			    &rest, &line);
		else if (sv_starts(l, SV(": ")))
			take_row(t, &rest, &line, sv_skip(l, 2), path);
		else
			must(l.n == 0 || l.p[0] == '#');
	}
	buf_fini(&text);
}

void
table_fini(struct table *t)
{
	for (size_t i = 0; i < t->nmessages; i++) {
		free(t->message[i].name);
		buf_fini(&t->message[i].text);
	}
	for (size_t i = 0; i < t->nscripts; i++) {
		free(t->script[i].name);
		buf_fini(&t->script[i].text);
	}
	buf_fini(&t->trace);
}
