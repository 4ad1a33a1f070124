/* A host whose answers are fixed. */
#include <string.h>

#include "test/unit/sieve/table.h"

static int64_t
now(void *arg)
{
	const struct table_context *c = arg;

	return c->row->now;
}

static int32_t
zone(void *arg, int64_t at)
{
	const struct table_context *c = arg;

	(void)at;
	return c->row->zone;
}

/* All are there but those that say so. */
static int
mailbox(void *arg, struct sv name)
{
	(void)arg;
	if (sv_find(name, SV("missing")) < name.n)
		return RC_NOTFOUND;
	if (sv_find(name, SV("temp")) < name.n)
		return RC_TEMP;
	return sv_find(name, SV("bad")) < name.n ? RC_SYNTAX : RC_OK;
}

static int
special_use(void *arg, struct sv use, struct buf *out)
{
	(void)arg;
	if (sv_ieq(use, SV("\\Junk")))
		buf_adds(out, "Spam");
	else if (sv_ieq(use, SV("\\Sent")))
		buf_adds(out, "Sent");
	else
		return RC_NOTFOUND;
	return RC_OK;
}

static int
mailbox_id(void *arg, struct sv id, struct buf *out)
{
	(void)arg;
	if (sv_eq(id, SV("temp")))
		return RC_TEMP;
	if (!sv_eq(id, SV("M1-2")))
		return RC_NOTFOUND;
	buf_adds(out, "Post");
	return RC_OK;
}

static int
metadata(void *arg, struct sv mailbox_name, struct sv entry, struct buf *out)
{
	(void)arg;
	if (mailbox_name.p == NULL) {
		if (!sv_eq(entry, SV("/private/vendor/vacation")))
			return RC_NOTFOUND;
		buf_adds(out, "on");
		return RC_OK;
	}
	if (!sv_eq(mailbox_name, SV("INBOX")) ||
	    !sv_eq(entry, SV("/private/vendor/filter")))
		return RC_NOTFOUND;
	buf_adds(out, "Strict");
	return RC_OK;
}

static bool
is_mine(void *arg, struct sv a)
{
	size_t at = sv_rchr(a, '@'), plus = sv_chr(a, '+');
	struct sv local = sv_first(a, plus < at ? plus : at);

	(void)arg;
	return sv_ieq(sv_skip(a, at), SV("@example.org")) &&
	       (sv_ieq(local, SV("anna")) || sv_ieq(local, SV("info")));
}

static int
seen(void *arg, const unsigned char key[SIEVE_KEY_BYTES], bool *out)
{
	const struct table_context *c = arg;

	*out = false;
	for (size_t i = 0; i < c->table->nrecords; i++)
		*out |=
		    memcmp(c->table->record[i].key, key, SIEVE_KEY_BYTES) == 0;
	return RC_OK;
}

static int
include(void *arg, enum sieve_include where, struct sv name, struct buf *text)
{
	const struct table_context *c = arg;

	for (size_t i = 0; i < c->table->nscripts; i++) {
		struct sv n = sv_str(c->table->script[i].name);
		bool global = sv_starts(n, SV("global/"));

		if (global != (where == SIEVE_GLOBAL))
			continue;
		if (sv_eq(sv_skip(n, global ? 7 : 0), name)) {
			buf_addsv(text, buf_sv(&c->table->script[i].text));
			return RC_OK;
		}
	}
	return sv_eq(name, SV("temp")) ? RC_TEMP : RC_NOTFOUND;
}

static const struct sv friends[] = {
    SV("friend@example.net"), SV("eve@example.com"), SV("bob@example.net")};

static int
list_has(void *arg, struct sv list, struct sv value, bool *has)
{
	(void)arg;
	if (!sv_eq(list, SV("friends")))
		return RC_NOTFOUND;
	*has = false;
	for (size_t i = 0; i < sizeof friends / sizeof friends[0]; i++)
		*has |= sv_ieq(value, friends[i]);
	return RC_OK;
}

static int
list_each(void *arg, struct sv list, int (*fn)(void *fn_arg, struct sv value),
    void *fn_arg)
{
	int r = RC_OK;

	(void)arg;
	if (!sv_eq(list, SV("friends")))
		return RC_NOTFOUND;
	for (size_t i = 0; i < sizeof friends / sizeof friends[0]; i++)
		if (r == RC_OK)
			r = fn(fn_arg, friends[i]);
	return r;
}

static int
environment(void *arg, struct sv item, struct buf *out)
{
	static const struct {
		struct sv name;
		const char *value;
	} all[] = {
	    {SV("host"), "mail.example.org"},
	    {SV("domain"), "example.org"},
	    {SV("location"), "MDA"},
	    {SV("phase"), "during"},
	    {SV("remote-ip"), "192.0.2.1"},
	    {SV("remote-host"), ""},
	};

	(void)arg;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(item, all[i].name)) {
			buf_adds(out, all[i].value);
			return RC_OK;
		}
	return RC_NOTFOUND;
}

static void
trace(void *arg, struct sv script, unsigned line, struct sv text)
{
	const struct table_context *c = arg;

	buf_addf(&c->table->trace, "%.*s:%u: %.*s\n", SV_ARG(script), line,
	    SV_ARG(text));
}

const struct sieve_host table_host = {
    .now = now,
    .zone = zone,
    .mailbox = mailbox,
    .special_use = special_use,
    .mailbox_id = mailbox_id,
    .metadata = metadata,
    .is_mine = is_mine,
    .seen = seen,
    .include = include,
    .list_has = list_has,
    .list_each = list_each,
    .environment = environment,
    .trace = trace,
};
