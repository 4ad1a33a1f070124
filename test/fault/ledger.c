#include "test/fault/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "journal/crc32c.h"
#include "journal/sabotage.h"

void
ledger_init(struct ledger *l)
{
	memset(l, 0, sizeof *l);
}

static void
pending_drop(struct ledger *l)
{
	for (size_t i = 0; i < l->npending; i++)
		free(l->pending[i]);
	free(l->pending);
	l->pending = NULL;
	l->npending = 0;
}

void
ledger_fini(struct ledger *l)
{
	pending_drop(l);
	free(l->acked);
	free(l->fact);
	free(l->expect);
	free(l->gone);
	free(l->history);
	ledger_init(l);
}

struct ledger *
ledger_clone(const struct ledger *l)
{
	struct ledger *c = xmalloc(sizeof *c);

	*c = *l;
	c->acked = l->acked != NULL ? xstrdup(l->acked) : NULL;
	c->pending = xcalloc(l->npending + 1, sizeof *c->pending);
	for (size_t i = 0; i < l->npending; i++)
		c->pending[i] = xstrdup(l->pending[i]);
	c->fact = xcalloc(l->nfact + 1, sizeof *c->fact);
	if (l->nfact > 0)
		memcpy(c->fact, l->fact, l->nfact * sizeof *c->fact);
	c->cap = l->nfact + 1;
	c->expect = xcalloc(l->nexpect + 1, sizeof *c->expect);
	if (l->nexpect > 0)
		memcpy(c->expect, l->expect, l->nexpect * sizeof *c->expect);
	c->expect_cap = l->nexpect + 1;
	c->gone = xcalloc(l->ndeleted_name + 1, sizeof *c->gone);
	if (l->ndeleted_name > 0)
		memcpy(c->gone, l->gone, l->ndeleted_name * sizeof *c->gone);
	c->deleted_name_cap = l->ndeleted_name + 1;
	c->history = xcalloc(l->nhistory + 1, sizeof *c->history);
	if (l->nhistory > 0)
		memcpy(
		    c->history, l->history, l->nhistory * sizeof *c->history);
	c->history_cap = l->nhistory + 1;
	return c;
}

void
ledger_broken(struct ledger *l, const char *what, const char *a, const char *b)
{
	if (l->why[0] == '\0')
		(void)snprintf(
		    l->why, sizeof l->why, "%s: %.900s | %.900s", what, a, b);
}

/* ---- what can be seen ---- */

void
ledger_expect(struct ledger *l, uint64_t body, uint32_t crc)
{
	size_t i = 0;

	while (i < l->nexpect && l->expect[i].body != body)
		i++;
	if (i == l->nexpect) {
		l->expect =
		    xgrow(l->expect, &l->expect_cap, i + 1, sizeof *l->expect);
		l->nexpect++;
	}
	l->expect[i].body = body;
	l->expect[i].crc = crc;
}

/* Of the bytes as they are, or as they were handed in. */
static bool
crc_of(struct ledger *l, struct store *st, const struct store_msg *m,
    bool really, uint32_t *crc)
{
	char *bytes;
	bool ok;

	for (size_t i = 0; !really && i < l->nexpect; i++)
		if (l->expect[i].body == m->body) {
			*crc = l->expect[i].crc;
			return true;
		}
	if (!really)
		return false;
	bytes = xmalloc(m->size + 1u);
	ok = store_read(st, m->body, 0, bytes, m->size) == RC_OK;
	*crc = crc32c(0, bytes, ok ? m->size : 0);
	free(bytes);
	return ok;
}

struct dump {
	struct ledger *l;
	struct store *st;
	bool really, unreadable;
	struct buf b;
};

static bool
dump_message(
    struct dump *d, const struct store_msg *m, const char **kw, size_t nkw)
{
	uint32_t crc = 0;

	if (!crc_of(d->l, d->st, m, d->really, &crc))
		return false;
	buf_addf(&d->b, "\n  %u f%x m%llu i%lld s%u c%08x", m->uid, m->system,
	    (unsigned long long)m->modseq, (long long)m->internal_date, m->size,
	    crc);
	for (size_t k = 0; k < nkw; k++)
		if (m->keywords >> k & 1)
			buf_addf(&d->b, " %s", kw[k]);
	return true;
}

static bool
dump_mailbox(struct dump *d, const char *name)
{
	struct store_status s;
	const char *kw[64];
	struct rangeset gone = RANGESET_EMPTY;
	struct view *v = NULL;
	uint64_t need = 0;
	bool ok = true;
	size_t nkw;

	if (store_status(d->st, name, &s, &need) != RC_OK ||
	    view_open(d->st, name, true, NULL, NULL, &v, &need) != RC_OK)
		return false;
	nkw = view_keywords(v, kw);
	buf_addf(&d->b, " v%u n%u u%u d%u s%llu m%llu", s.uidvalidity,
	    s.uidnext, s.unseen, s.deleted, (unsigned long long)s.size,
	    (unsigned long long)s.modseq);
	for (uint32_t i = 1; ok && i <= view_count(v); i++) {
		struct store_msg m;

		ok = view_msgs(v, i, 1, &m, &need) == 1 &&
		     dump_message(d, &m, kw, nkw);
	}
	/* What it says has left, from whatever point is asked. */
	view_vanished(v, 0, NULL, &gone, &need);
	buf_adds(&d->b, "\n~ ");
	rangeset_print(&gone, &d->b);
	rangeset_fini(&gone);
	view_close(&v);
	return ok;
}

static bool
dump_expunged(void *arg, const struct store_expunged *e)
{
	struct dump *d = arg;
	uint32_t crc = 0;

	if (!crc_of(d->l, d->st, &e->msg, d->really, &crc)) {
		d->unreadable = true;
		return false;
	}
	buf_addf(&d->b, "+ id%u uid%u f%x m%llu s%u c%08x at%lld %s\n",
	    e->mailbox, e->msg.uid, e->msg.system,
	    (unsigned long long)e->msg.modseq, e->msg.size, crc,
	    (long long)e->at, e->name != NULL ? e->name : "?");
	return true;
}

char *
ledger_dump(struct ledger *l, struct store *st, bool read)
{
	struct dump d = {.l = l, .st = st, .really = read};
	struct store_mailbox_list list;
	uint64_t need = 0;
	bool ok = true;

	buf_init(&d.b, 64 << 20);
	store_mailbox_list(st, &list, &need);
	for (size_t i = 0; ok && i < list.n; i++) {
		const struct store_mailbox *m = &list.m[i];

		buf_addf(&d.b, "%s id%u use%d e%d sel%d sub%d", m->name, m->id,
		    (int)m->use, m->exists, m->selectable, m->subscribed);
		if (m->selectable)
			ok = dump_mailbox(&d, m->name);
		buf_addc(&d.b, '\n');
	}
	store_mailbox_list_fini(&list);
	store_expunged_each(st, dump_expunged, &d, &need);
	if (!ok || d.unreadable) {
		buf_fini(&d.b);
		return NULL;
	}
	return buf_take(&d.b);
}

/* ---- facts: what a number has meant means it for ever ---- */

static void
fact_add(struct ledger *l, const char *key, const char *value)
{
	uint32_t hash = crc32c(0, key, strlen(key));

	for (size_t i = 0; i < l->nfact; i++)
		if (l->fact[i].hash == hash &&
		    strcmp(l->fact[i].key, key) == 0) {
			if (strcmp(l->fact[i].value, value) != 0)
				ledger_broken(l, key, l->fact[i].value, value);
			return;
		}
	l->fact = xgrow(l->fact, &l->cap, l->nfact + 1, sizeof *l->fact);
	memset(&l->fact[l->nfact], 0, sizeof *l->fact);
	l->fact[l->nfact].hash = hash;
	(void)snprintf(l->fact[l->nfact].key, sizeof l->fact->key, "%s", key);
	(void)snprintf(
	    l->fact[l->nfact++].value, sizeof l->fact->value, "%s", value);
}

/* The next word of a line, at most 31 bytes of it. */
static const char *
word(struct sv *line, char out[32])
{
	struct sv w = sv_split(line, ' ');

	(void)snprintf(out, 32, "%.*s", SV_ARG(sv_first(w, 31)));
	return out;
}

/* Out of a dump: UIDs and their bytes, MODSEQs and their flags. */
static void
facts_learn(struct ledger *l, const char *dump)
{
	struct sv rest = sv_str(dump);
	char validity[32] = "";
	uint32_t box = 0;

	while (rest.n > 0) {
		struct sv line = sv_split(&rest, '\n');
		char uid[32], flags[32], modseq[32], skip[32], crc[32], key[96];

		if (line.n == 0 || line.p[0] == '~' || line.p[0] == '+')
			continue;
		if (line.p[0] != ' ') {
			size_t n = sv_chr(line, ' ');

			box = crc32c(0, line.p, n);
			line = sv_skip(line, sv_find(line, SV(" v")) + 1);
			(void)word(&line, validity);
			continue;
		}
		line = sv_skip(line, 2);
		(void)word(&line, uid);
		(void)word(&line, flags);
		(void)word(&line, modseq);
		(void)word(&line, skip);
		(void)word(&line, skip);
		(void)word(&line, crc);
		(void)snprintf(key, sizeof key, "%08x %.15s uid %.15s", box,
		    validity, uid);
		fact_add(l, key, crc);
		(void)snprintf(key, sizeof key, "%08x %.15s uid %.15s %.23s",
		    box, validity, uid, modseq);
		fact_add(l, key, flags);
	}
}

static void
remember(struct ledger *l, const char *dump)
{
	l->history = xgrow(
	    l->history, &l->history_cap, l->nhistory + 1, sizeof *l->history);
	l->history[l->nhistory++] = crc32c(0, dump, strlen(dump));
}

bool
ledger_was(const struct ledger *l, const char *dump, size_t since)
{
	uint32_t crc = crc32c(0, dump, strlen(dump));

	for (size_t i = since; i < l->nhistory; i++)
		if (l->history[i] == crc)
			return true;
	return false;
}

static void
promise(struct ledger *l, char *dump)
{
	l->acked_at = l->nhistory - 1;
	for (size_t i = 0; i < l->ndeleted_name; i++)
		l->gone[i].acked = true;
	free(l->acked);
	l->acked = dump;
	pending_drop(l);
	facts_learn(l, dump);
	for (size_t i = 0; i < l->ndelivery; i++)
		l->delivery[i].acked = true;
}

void
ledger_shown(struct ledger *l, struct store *st)
{
	char *dump = ledger_dump(l, st, true);

	if (dump == NULL)
		ledger_broken(l, "unreadable after the start", "", "");
	else {
		remember(l, dump);
		promise(l, dump);
	}
}

void
ledger_pend(struct ledger *l, struct store *st)
{
	char *dump = ledger_dump(l, st, false);

	if (dump == NULL) {
		ledger_broken(l, "a message that was not handed in", "", "");
		return;
	}
	l->pending =
	    xreallocarray(l->pending, l->npending + 1, sizeof *l->pending);
	l->pending[l->npending++] = dump;
	remember(l, dump);
}

bool
ledger_flush(struct ledger *l, struct store *st, uint64_t need)
{
	if (store_flush(st, need) != RC_OK)
		return false;
	if (l->npending > 0)
		promise(l, l->pending[--l->npending]);
	return true;
}

void
ledger_expunged(struct ledger *l, const struct view_info *before,
    const struct rangeset *uids)
{
	uint32_t uid = 0;

	while (rangeset_next(uids, uid, &uid)) {
		l->gone = xgrow(l->gone, &l->deleted_name_cap,
		    l->ndeleted_name + 1, sizeof *l->gone);
		l->gone[l->ndeleted_name].box = before->id;
		l->gone[l->ndeleted_name].validity = before->uidvalidity;
		l->gone[l->ndeleted_name].since = before->highest_modseq;
		l->gone[l->ndeleted_name].uid = uid++;
		l->gone[l->ndeleted_name++].acked = false;
	}
}

/* ---- after the crash ---- */

static bool
same_as_promised(struct ledger *l, const char *now)
{
	if (l->acked == NULL) /* it was never open */
		return true;
	if (strcmp(l->acked, now) == 0)
		return true;
	for (size_t i = 0; i < l->npending; i++)
		if (strcmp(l->pending[i], now) == 0)
			return true;
	return false;
}

/* Where two texts differ, a bit before. */
static const char *
differs(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	return a + (i > 80 ? i - 80 : 0);
}

static bool
redeliver(struct store *st, const uint8_t id[16], struct store_added *out)
{
	struct store_add a = {.mailbox = "INBOX", .delivery_id = id};
	struct store_body *b = store_body_new(st);
	uint64_t need = 0;
	struct err err;
	int r = store_body_add(b, "again\r\n", 7);

	if (r == RC_OK)
		r = store_add(st, &b, &a, out, &need, &err);
	store_body_free(&b);
	if (r == RC_OK)
		r = store_flush(st, need);
	return r == RC_OK;
}

/* A client that was away is told of each message that it does not know to be
 * gone. */
static void
gone_check(struct ledger *l, struct view *v)
{
	struct rangeset vanished = RANGESET_EMPTY;
	struct view_info info;
	uint64_t need = 0;

	view_info(v, &info, &need);
	for (size_t i = 0; i < l->ndeleted_name; i++) {
		if (l->gone[i].box != info.id ||
		    l->gone[i].validity != info.uidvalidity)
			continue;
		if (view_seqno(v, l->gone[i].uid) != 0)
			ledger_broken(l, "an expunged message is back", "", "");
		view_vanished(v, l->gone[i].since, NULL, &vanished, &need);
		if (!rangeset_has(&vanished, l->gone[i].uid))
			ledger_broken(
			    l, "VANISHED does not name a message", "", "");
	}
	rangeset_fini(&vanished);
}

static void
all_gone_check(struct ledger *l, struct store *st)
{
	struct store_mailbox_list list;
	uint64_t need = 0;

	for (size_t i = 0; i < l->ndeleted_name; i++)
		if (!l->gone[i].acked)
			l->gone[i--] = l->gone[--l->ndeleted_name];
	store_mailbox_list(st, &list, &need);
	for (size_t i = 0; i < list.n; i++) {
		struct view *v = NULL;

		if (!list.m[i].selectable ||
		    view_open(st, list.m[i].name, true, NULL, NULL, &v,
			&need) != RC_OK)
			continue;
		gone_check(l, v);
		view_close(&v);
	}
	store_mailbox_list_fini(&list);
}

bool
ledger_check(struct ledger *l, struct store *st)
{
	char *now = ledger_dump(l, st, true);

	if (now == NULL) {
		ledger_broken(l, "a message cannot be read", "", "");
		return false;
	}
	if (!same_as_promised(l, now))
		ledger_broken(l, "not as promised", differs(l->acked, now),
		    differs(now, l->acked));
	facts_learn(l, now);
	all_gone_check(l, st);
	for (size_t i = 0; i < l->ndelivery; i++) {
		struct store_added out = {0, 0, false};

		/* What was not promised may be gone. */
		if (!l->delivery[i].acked) {
			l->delivery[i--] = l->delivery[--l->ndelivery];
			continue;
		}
		if (!redeliver(st, l->delivery[i].id, &out) || !out.repeated ||
		    out.uid != l->delivery[i].uid)
			ledger_broken(
			    l, "a delivery is not remembered", "", "");
	}
	free(now);
	return l->why[0] == '\0';
}
