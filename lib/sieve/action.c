/* What is decided. */
#include <string.h>

#include "base/ascii.h"
#include "base/nfc.h"
#include "base/utf8.h"
#include "sieve/check.h"
#include "sieve/error.h"
#include "sieve/run.h"
#include "sieve/special_use.h"

#define RECORDS_MAX 64 /* of one message */

struct sv
sieve_mailbox_name(struct sieve_run *r, struct sv name)
{
	size_t level = sv_chr(name, '/');
	struct buf b;
	struct sv out;

	if (name.n > 1 && name.p[name.n - 1] == '/')
		name.n--;
	if (!sv_ieq(sv_first(name, level), SV("INBOX"))) {
		if (nfc_is(name))
			return name;
		level = 0;
	}
	buf_init(&b, 4 * name.n + 8);
	buf_adds(&b, level > 0 ? "INBOX" : "");
	nfc_put(sv_skip(name, level), &b);
	out = arena_dup(&r->scratch, buf_sv(&b));
	buf_fini(&b);
	return out;
}

/* ---- flags [RFC 5232] ---- */

/* The usual spelling of a system flag; empty: it cannot be set. */
static struct sv
system_flag(struct sv s)
{
	static const struct sv all[] = {SV("\\Seen"), SV("\\Answered"),
	    SV("\\Flagged"), SV("\\Deleted"), SV("\\Draft")};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (sv_ieq(s, all[i]))
			return all[i];
	return SV("");
}

/* flag-keyword = atom [RFC 3501 9] */
static bool
is_keyword(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_graph(s.p[i]) ||
		    memchr("(){%*\"\\]", s.p[i], 8) != NULL)
			return false;
	return s.n > 0 && s.n <= 255;
}

static bool
has_word(struct sv words, struct sv word)
{
	while (words.n > 0)
		if (sv_ieq(sv_split(&words, ' '), word))
			return true;
	return false;
}

void
sieve_flags_add(struct sv words, struct buf *out)
{
	while (words.n > 0) {
		struct sv w = sv_split(&words, ' ');

		if (w.n > 0 && w.p[0] == '\\')
			w = system_flag(w);
		else if (!is_keyword(w))
			continue;
		if (w.n == 0 || has_word(buf_sv(out), w) ||
		    out->n + w.n + 1 > out->max)
			continue;
		if (out->n > 0)
			buf_addc(out, ' ');
		buf_addsv(out, w);
	}
}

enum sieve_flow
sieve_flags_charge(
    struct sieve_run *r, const struct sieve_node *n, size_t bytes)
{
	/* Each word is looked for in all others. */
	return sieve_charge(r, n, (uint64_t)bytes * bytes / 2);
}

void
sieve_flags_split(struct sieve_run *r, struct sv words, struct sieve_store *out)
{
	size_t n = 0, cap = 0;
	struct sv *all = NULL;

	words = sieve_keep_sv(r, words);
	while (words.n > 0) {
		all = arena_grow(
		    &r->result->arena, all, &cap, n + 1, sizeof *all);
		all[n++] = sv_split(&words, ' ');
	}
	out->flag = all;
	out->nflag = n;
}

/* ---- actions ---- */

static enum sieve_flow
push(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_action *a, struct sieve_action **out)
{
	if (r->naction >= r->limits.actions)
		return sieve_fail(r, n,
		    "too many actions for one message; at most %u are allowed",
		    r->limits.actions);
	r->action = arena_grow(&r->result->arena, r->action, &r->action_cap,
	    r->naction + 1, sizeof *r->action);
	r->action[r->naction] = *a;
	*out = &r->action[r->naction++];
	return FLOW_ON;
}

static bool
stores(const struct sieve_action *a)
{
	return a->kind == SIEVE_KEEP || a->kind == SIEVE_FILEINTO;
}

static struct sieve_action *
find_store(struct sieve_run *r, struct sv mailbox)
{
	for (size_t i = 0; i < r->naction; i++) {
		struct sieve_action *a = &r->action[i];

		if (stores(a) && sv_eq(a->store.mailbox, mailbox))
			return a;
	}
	return NULL;
}

static enum sieve_flow
not_rejected(struct sieve_run *r, const struct sieve_node *n)
{
	if (!r->rejected)
		return FLOW_ON;
	return sieve_fail(r, n,
	    "\"%s\" cannot be used for a message that has been rejected",
	    n->cmd->name);
}

enum sieve_flow
sieve_add_store(struct sieve_run *r, const struct sieve_node *n,
    enum sieve_kind kind, const struct sieve_store *store, bool copy)
{
	struct sieve_action a = {.kind = kind,
	    .line = n->line,
	    .script = r->scope->script->name,
	    .changed = r->doc.changed,
	    .store = *store};
	struct sieve_action *same, *out;
	enum sieve_flow f = not_rejected(r, n);

	if (f == FLOW_ON)
		f = sieve_doc_whole(r, n, &a.message);
	if (f != FLOW_ON)
		return f;
	if (!copy)
		r->keep = false;
	/* Changed or not, it is the same message [RFC 5293 7]. */
	same = find_store(r, store->mailbox);
	if (same != NULL) { /* the last flags win [RFC 5232 3] */
		same->store.flag = store->flag;
		same->store.nflag = store->nflag;
		same->store.create |= store->create;
		sieve_trace(r, n, "%s: is already stored in \"%s\"",
		    n->cmd->name, QUOTE(store->mailbox));
		return FLOW_ON;
	}
	a.script = sieve_keep_sv(r, a.script);
	return push(r, n, &a, &out);
}

enum sieve_flow
sieve_add_action(struct sieve_run *r, const struct sieve_node *n,
    enum sieve_kind kind, struct sieve_action **out)
{
	struct sieve_action a = {.kind = kind,
	    .line = n->line,
	    .script = sieve_keep_sv(r, r->scope->script->name),
	    .changed = r->doc.changed};
	enum sieve_flow f = FLOW_ON;

	if (kind == SIEVE_REDIRECT) {
		f = not_rejected(r, n);
		if (f == FLOW_ON)
			f = sieve_doc_whole(r, n, &a.message);
		if (r->unenclosed.p != NULL) {
			a.message = r->unenclosed;
			a.changed = a.message.p != r->message->bytes.p;
		}
	}
	return f == FLOW_ON ? push(r, n, &a, out) : f;
}

enum sieve_flow
sieve_add_record(struct sieve_run *r, const struct sieve_node *n,
    const struct sieve_record *record)
{
	for (size_t i = 0; i < r->nrecord; i++)
		if (memcmp(r->record[i].key, record->key, SIEVE_KEY_BYTES) ==
		    0) {
			r->record[i] = *record;
			return FLOW_ON;
		}
	if (r->nrecord >= RECORDS_MAX)
		return sieve_fail(
		    r, n, "too much is to be remembered of one message");
	r->record = arena_grow(&r->result->arena, r->record, &r->record_cap,
	    r->nrecord + 1, sizeof *r->record);
	r->record[r->nrecord++] = *record;
	return FLOW_ON;
}

/* ---- places ---- */

/* Text, as a name must be; what else it must be, the host knows. */
bool
sieve_mailbox_may_be(struct sv s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_is_ctl(s.p[i]))
			return false;
	return utf8_valid(s);
}

static enum sieve_flow
resolve_flags(
    struct sieve_run *r, const struct sieve_node *n, struct sieve_store *out)
{
	const struct sieve_value *v = sieve_tag_value(n, T_FLAGS);
	enum sieve_flow f;
	struct buf b;
	struct sv *all;
	size_t count;

	if (v == NULL) {
		sieve_flags_split(r, buf_sv(&r->flags), out);
		return FLOW_ON;
	}
	f = sieve_expand_all(r, n, v, &all, &count);
	buf_init(&b, r->limits.value);
	for (size_t i = 0; i < count && f == FLOW_ON; i++) {
		f = sieve_flags_charge(r, n, all[i].n + b.n);
		if (f == FLOW_ON)
			sieve_flags_add(all[i], &b);
	}
	sieve_flags_split(r, buf_sv(&b), out);
	buf_fini(&b);
	return f;
}

/* The mailbox with the special use that is asked for, if there is one
 * [RFC 8579 4]. */
static enum sieve_flow
resolve_use(
    struct sieve_run *r, const struct sieve_node *n, struct sieve_store *out)
{
	const struct sieve_value *v = sieve_tag_value(n, T_SPECIALUSE);
	enum sieve_flow f;
	struct buf name;
	struct sv use;
	int rc = RC_NOTFOUND;

	if (v == NULL)
		return FLOW_ON;
	f = sieve_expand(r, n, &v->s[0], &use);
	if (f == FLOW_ON && !sieve_is_special_use(use))
		f = sieve_fail(r, n,
		    "\"%s\" is not a special use, such as \"\\\\Junk\"",
		    QUOTE(use));
	if (f != FLOW_ON)
		return f;
	buf_init(&name, 4096);
	if (r->host->special_use != NULL)
		rc = r->host->special_use(r->arg, use, &name);
	if (rc == RC_OK)
		out->mailbox = sieve_keep_sv(r, buf_sv(&name));
	else if (rc == RC_NOTFOUND)
		out->use = sieve_keep_sv(r, use);
	buf_fini(&name);
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

/* The mailbox with the identifier that is asked for, likewise [RFC 9042 4]. */
static enum sieve_flow
resolve_id(
    struct sieve_run *r, const struct sieve_node *n, struct sieve_store *out)
{
	const struct sieve_value *v = sieve_tag_value(n, T_MAILBOXID);
	enum sieve_flow f;
	struct buf name;
	struct sv id;
	int rc = RC_NOTFOUND;

	if (v == NULL)
		return FLOW_ON;
	f = sieve_expand(r, n, &v->s[0], &id);
	if (f != FLOW_ON)
		return f;
	buf_init(&name, 4096);
	if (r->host->mailbox_id != NULL)
		rc = r->host->mailbox_id(r->arg, id, &name);
	if (rc == RC_OK)
		out->mailbox = sieve_keep_sv(r, buf_sv(&name));
	buf_fini(&name);
	return rc == RC_TEMP ? FLOW_TEMP : FLOW_ON;
}

enum sieve_flow
sieve_store_resolve(struct sieve_run *r, const struct sieve_node *n,
    struct sv mailbox, struct sieve_store *out)
{
	enum sieve_flow f;
	int rc = RC_OK;

	*out = (struct sieve_store){0};
	f = resolve_use(r, n, out);
	if (f == FLOW_ON)
		f = resolve_id(r, n, out);
	if (f == FLOW_ON && out->mailbox.n == 0) {
		mailbox = sieve_mailbox_name(r, mailbox);
		if (mailbox.n == 0)
			return sieve_fail(r, n,
			    "the name of the mailbox for \"%s\" is empty",
			    n->cmd->name);
		if (!sieve_mailbox_may_be(mailbox))
			rc = RC_SYNTAX;
		else if (r->host->mailbox != NULL)
			rc = r->host->mailbox(r->arg, mailbox);
		out->create = sieve_has_tag(n, T_CREATE) && rc == RC_NOTFOUND;
		if (rc == RC_TEMP)
			return FLOW_TEMP;
		if (rc == RC_NOTFOUND && !out->create)
			return sieve_fail(
			    r, n, "there is no mailbox \"%s\"", QUOTE(mailbox));
		if (rc != RC_OK && rc != RC_NOTFOUND)
			return sieve_fail(r, n,
			    "\"%s\" cannot be the name of a mailbox",
			    QUOTE(mailbox));
		out->mailbox = sieve_keep_sv(r, mailbox);
		if (!out->create)
			out->use = SV("");
	}
	return f == FLOW_ON ? resolve_flags(r, n, out) : f;
}
