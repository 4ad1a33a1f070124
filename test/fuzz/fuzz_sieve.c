/*
 * A script, a line "%%", and a message.  Whatever they are: errors have a place
 * and can be shown, actions are complete, and the same comes out twice.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"
#include "sieve/sieve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t
now(void *arg)
{
	(void)arg;
	return 1796040000;
}

static int
mailbox(void *arg, struct sv name)
{
	(void)arg;
	must(name.n > 0);
	return name.p[0] == 'n'	  ? RC_NOTFOUND
	       : name.p[0] == 't' ? RC_TEMP
	       : name.p[0] == 'b' ? RC_SYNTAX
				  : RC_OK;
}

static int
special_use(void *arg, struct sv use, struct buf *out)
{
	(void)arg;
	buf_adds(out, "Junk");
	return sv_ieq(use, SV("\\Junk")) ? RC_OK : RC_NOTFOUND;
}

static int
metadata(void *arg, struct sv name, struct sv entry, struct buf *out)
{
	(void)arg;
	(void)name;
	buf_addsv(out, entry);
	return RC_OK;
}

static bool
is_mine(void *arg, struct sv address)
{
	(void)arg;
	return address.n > 0 && address.p[0] == 'a';
}

/* A script includes the text that it is a part of. */
static int
include(void *arg, enum sieve_include where, struct sv name, struct buf *text)
{
	(void)where;
	buf_addsv(text, name.n % 2 == 0 ? *(struct sv *)arg : SV("keep;"));
	return RC_OK;
}

static int
list_has(void *arg, struct sv list, struct sv value, bool *has)
{
	(void)arg;
	*has = value.n > 3;
	return list.n > 2 ? RC_OK : RC_NOTFOUND;
}

static int
list_each(void *arg, struct sv list, int (*fn)(void *fn_arg, struct sv value),
    void *fn_arg)
{
	(void)arg;
	return fn(fn_arg, list);
}

static void
trace(void *arg, struct sv script, unsigned line, struct sv text)
{
	(void)arg;
	(void)script;
	(void)line;
	must(text.n < SIEVE_ERROR_MAX && sv_chr(text, '\n') == text.n);
}

static const struct sieve_host host = {
    .now = now,
    .mailbox = mailbox,
    .special_use = special_use,
    .mailbox_id = special_use,
    .metadata = metadata,
    .is_mine = is_mine,
    .include = include,
    .list_has = list_has,
    .list_each = list_each,
    .environment = special_use,
    .trace = trace,
};

static void
check_error(const struct sieve_error *e, struct sv script)
{
	struct sv text = sv_str(e->text);

	must(text.n > 0 && sv_chr(text, '\n') == text.n &&
	     sv_chr(text, '\r') == text.n);
	must(utf8_valid(text) || !utf8_valid(script));
	must((e->line == 0) == (e->column == 0));
	must(e->line <= script.n + 1);
}

static void
check_store(const struct sieve_store *s)
{
	must(s->mailbox.n > 0);
	for (size_t i = 0; i < s->nflag; i++)
		must(s->flag[i].n > 0 &&
		     sv_chr(s->flag[i], ' ') == s->flag[i].n);
}

static void
check_letter(const struct sieve_letter *l)
{
	/* Lines end with CRLF. */
	for (size_t i = 0; i < l->bytes.n; i++)
		if (l->bytes.p[i] == '\n')
			must(i > 0 && l->bytes.p[i - 1] == '\r');
	must(sv_ends(l->bytes, SV("\r\n")));
}

static void
print(const struct sieve_result *r, struct buf *out)
{
	must(r->n <= 33 && r->steps <= 10001);
	for (size_t i = 0; i < r->n; i++) {
		const struct sieve_action *a = &r->action[i];

		sieve_action_print(a, out);
		buf_addc(out, '\n');
		if (a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO)
			check_store(&a->store);
		if (a->has_fcc)
			check_store(&a->fcc);
		if (a->letter.bytes.n > 0)
			check_letter(&a->letter);
		buf_addsv(out, a->message);
		buf_addsv(out, a->letter.bytes);
	}
}

static void
run(struct sieve_script *s, struct sv text, struct sv message, struct buf *out)
{
	struct sieve_message m = {.bytes = message,
	    .has_envelope = true,
	    .from = SV("bob@example.net"),
	    .to = SV("anna@example.org"),
	    .spam = 50};
	struct sieve_result r;

	if (sieve_run(&s, 1, &m, &host, &text, &r) != RC_OK) {
		buf_adds(out, "later");
		return;
	}
	if (r.failed) {
		must(r.error.text[0] != '\0');
		buf_adds(out, r.error.text);
	}
	print(&r, out);
	sieve_result_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sieve_errors errors, warnings;
	struct sieve_options o = SIEVE_OPTIONS_DEFAULT;
	struct sv all = sv_of(data, size), text, message;
	struct sieve_script *s;
	struct buf once, again;
	size_t at = sv_find(all, SV("\n%%\n"));

	text = sv_first(all, at);
	message = sv_skip(all, at + 4);
	/* So that it ends soon enough. */
	o.limits.work = 20 << 20;
	o.limits.steps = 1000;
	o.warnings = &warnings;
	if (sieve_compile(text, &o, &s, &errors) != RC_OK) {
		must(errors.n > 0);
		for (size_t i = 0; i < errors.n && i < SIEVE_ERRORS_MAX; i++)
			check_error(&errors.e[i], text);
		return 0;
	}
	must(errors.n == 0);
	buf_init(&once, 64 << 20);
	buf_init(&again, 64 << 20);
	run(s, text, message, &once);
	run(s, text, message, &again);
	must(sv_eq(buf_sv(&once), buf_sv(&again)));
	buf_fini(&again);
	buf_fini(&once);
	sieve_script_free(&s);
	return 0;
}
