/* The state of rules: scripts, memos and what is to be sent, as the changes
 * make it and as a checkpoint or snapshot has it. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "store/encode.h"
#include "store/rules_priv.h"

/* ---- scripts ---- */

bool
store_script_name_ok(struct sv name)
{
	uint32_t cp;

	if (name.n == 0 || name.n > STORE_SCRIPT_NAME_MAX)
		return false;
	while (name.n > 0)
		if (utf8_next(&name, &cp) != RC_OK || cp < 0x20 ||
		    (cp >= 0x7f && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029)
			return false;
	return true;
}

struct script *
script_find(const struct store *st, uint8_t kind, struct sv name)
{
	for (size_t i = 0; i < st->rules.nscript; i++) {
		struct script *s = &st->rules.script[i];

		if (s->kind == kind && sv_eq(sv_str(s->name), name))
			return s;
	}
	return NULL;
}

static struct script *
script_add(struct rules *ru, uint8_t kind, struct sv name)
{
	struct script *s;

	ru->script = xgrow(
	    ru->script, &ru->script_cap, ru->nscript + 1, sizeof *ru->script);
	s = &ru->script[ru->nscript++];
	*s = (struct script){.kind = kind, .name = sv_dup(name)};
	return s;
}

static void
script_set_text(struct script *s, struct sv text)
{
	free(s->text);
	s->text = xmemdup0(text.n > 0 ? text.p : "", text.n);
	s->size = text.n;
}

static void
script_remove(struct rules *ru, struct script *s)
{
	size_t i = (size_t)(s - ru->script);

	free(s->text);
	free(s->name);
	memmove(s, s + 1, (--ru->nscript - i) * sizeof *s);
}

static void
set_active(struct rules *ru, const struct script *active)
{
	for (size_t i = 0; i < ru->nscript; i++)
		ru->script[i].active = &ru->script[i] == active;
}

/* What cannot be so is damage and does nothing. */
void
apply_script(struct store *st, const struct change *c, uint64_t seq)
{
	struct rules *ru = &st->rules;
	struct script *s = script_find(st, c->kind, c->name);

	ru->script_seq = seq;
	switch ((enum script_op)c->op) {
	case SCRIPT_PUT:
		if (s == NULL)
			s = script_add(ru, c->kind, c->name);
		script_set_text(s, c->text);
		break;
	case SCRIPT_DELETE:
		if (s != NULL)
			script_remove(ru, s);
		break;
	case SCRIPT_RENAME:
		if (s == NULL || c->npair != 1 || c->pair[0].name.n == 0 ||
		    script_find(st, c->kind, c->pair[0].name) != NULL)
			break;
		free(s->name);
		s->name = sv_dup(c->pair[0].name);
		break;
	case SCRIPT_ACTIVATE:
		set_active(ru, s);
		break;
	case SCRIPT_OPS:
		break;
	}
}

/* ---- memos ---- */

static int
memo_cmp(const struct store_memo *a, const struct store_memo *b)
{
	return a->kind != b->kind ? (int)a->kind - (int)b->kind
				  : memcmp(a->key, b->key, sizeof a->key);
}

/* Where it is, or would be. */
static size_t
memo_place(const struct rules *ru, const struct store_memo *m)
{
	size_t lo = 0, hi = ru->nmemo;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memo_cmp(&ru->memo[mid], m) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
memo_is_at(const struct rules *ru, size_t i, const struct store_memo *m)
{
	return i < ru->nmemo && memo_cmp(&ru->memo[i], m) == 0;
}

const struct store_memo *
memo_find(const struct store *st, const struct store_memo *m)
{
	size_t i = memo_place(&st->rules, m);

	return memo_is_at(&st->rules, i, m) ? &st->rules.memo[i] : NULL;
}

/* Those that have ended go; if none has, the one that ends first. */
static void
memos_make_room(struct rules *ru, int64_t now)
{
	size_t n = 0, first = 0;

	for (size_t i = 0; i < ru->nmemo; i++)
		if (ru->memo[i].until >= now)
			ru->memo[n++] = ru->memo[i];
	ru->nmemo = n;
	if (n < STORE_MEMOS_MAX)
		return;
	for (size_t i = 1; i < n; i++)
		if (ru->memo[i].until < ru->memo[first].until)
			first = i;
	memmove(&ru->memo[first], &ru->memo[first + 1],
	    (--ru->nmemo - first) * sizeof *ru->memo);
}

/* now: seconds, the change's. */
static void
memo_set(struct rules *ru, const struct store_memo *m, int64_t now)
{
	size_t i = memo_place(ru, m);

	if (memo_is_at(ru, i, m)) {
		ru->memo[i].until = m->until;
		return;
	}
	if (ru->nmemo >= STORE_MEMOS_MAX) {
		memos_make_room(ru, now);
		i = memo_place(ru, m);
	}
	ru->memo =
	    xgrow(ru->memo, &ru->memo_cap, ru->nmemo + 1, sizeof *ru->memo);
	memmove(
	    &ru->memo[i + 1], &ru->memo[i], (ru->nmemo - i) * sizeof *ru->memo);
	ru->memo[i] = *m;
	ru->nmemo++;
}

void
apply_memo(struct store *st, const struct change *c, uint64_t seq, int64_t time)
{
	struct store_memo m = {.kind = c->kind, .until = (int64_t)c->until};
	struct delivery d = {.seq = seq, .time = time};

	if (c->has_delivery) {
		memcpy(d.id, c->delivery, sizeof d.id);
		deliveries_add(&st->deliveries, &d);
	}
	if (c->text.n != sizeof m.key)
		return;
	memcpy(m.key, c->text.p, sizeof m.key);
	memo_set(&st->rules, &m, time / 1000);
}

/* ---- what is to be sent ---- */

struct outgoing *
outgoing_find(const struct store *st, const uint8_t id[16])
{
	for (size_t i = 0; i < st->rules.noutgoing; i++)
		if (memcmp(st->rules.outgoing[i].id, id, 16) == 0)
			return &st->rules.outgoing[i];
	return NULL;
}

static void
outgoing_add(struct rules *ru, const struct outgoing *o, struct sv envelope)
{
	struct outgoing *new;

	ru->outgoing = xgrow(ru->outgoing, &ru->outgoing_cap, ru->noutgoing + 1,
	    sizeof *ru->outgoing);
	new = &ru->outgoing[ru->noutgoing++];
	*new = *o;
	new->envelope = xmemdup0(envelope.n > 0 ? envelope.p : "", envelope.n);
	new->nenvelope = envelope.n;
}

void
apply_outgoing(struct store *st, const struct change *c)
{
	struct rules *ru = &st->rules;
	struct outgoing *o, new = {.body = c->body, .size = c->until};

	if (!c->has_delivery)
		return;
	o = outgoing_find(st, c->delivery);
	if (c->op == OUTGOING_WAITS && o == NULL) {
		memcpy(new.id, c->delivery, sizeof new.id);
		outgoing_add(ru, &new, c->text);
	} else if (c->op == OUTGOING_ENDED && o != NULL) {
		size_t i = (size_t)(o - ru->outgoing);

		free(o->envelope);
		memmove(o, o + 1, (--ru->noutgoing - i) * sizeof *o);
	}
}

/* ---- the whole ---- */

bool
rules_are_empty(const struct rules *ru)
{
	return ru->nscript + ru->nmemo + ru->noutgoing == 0;
}

void
rules_fini(struct rules *ru)
{
	for (size_t i = 0; i < ru->nscript; i++) {
		free(ru->script[i].text);
		free(ru->script[i].name);
	}
	for (size_t i = 0; i < ru->noutgoing; i++)
		free(ru->outgoing[i].envelope);
	free(ru->outgoing);
	free(ru->memo);
	free(ru->script);
	memset(ru, 0, sizeof *ru);
}

uint64_t
rules_size(const struct rules *ru)
{
	uint64_t n = 100 + ru->nmemo * 30;

	for (size_t i = 0; i < ru->nscript; i++)
		n += ru->script[i].size + STORE_SCRIPT_NAME_MAX + 30;
	for (size_t i = 0; i < ru->noutgoing; i++)
		n += ru->outgoing[i].nenvelope + 60;
	return n;
}

/* Nothing at all where there is nothing: as older releases have it. */
void
rules_encode(const struct rules *ru, struct buf *out)
{
	if (rules_are_empty(ru))
		return;
	encode_uint(out, ru->script_seq);
	encode_uint(out, ru->nscript);
	for (size_t i = 0; i < ru->nscript; i++) {
		const struct script *s = &ru->script[i];

		encode_uint(out, s->kind);
		encode_text(out, sv_str(s->name));
		encode_uint(out, s->active);
		encode_text(out, sv_of(s->text, s->size));
	}
	encode_uint(out, ru->nmemo);
	for (size_t i = 0; i < ru->nmemo; i++) {
		encode_uint(out, ru->memo[i].kind);
		buf_add(out, ru->memo[i].key, sizeof ru->memo[i].key);
		encode_uint(out, zigzag(ru->memo[i].until));
	}
	encode_uint(out, ru->noutgoing);
	for (size_t i = 0; i < ru->noutgoing; i++) {
		const struct outgoing *o = &ru->outgoing[i];

		buf_add(out, o->id, sizeof o->id);
		encode_uint(out, o->body);
		encode_uint(out, o->size);
		encode_text(out, sv_of(o->envelope, o->nenvelope));
	}
}

static void
scripts_decode(struct rules *ru, struct decoder *w)
{
	uint64_t n;

	ru->script_seq = decode_uint(w);
	n = decode_uint(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		uint64_t kind = decode_uint(w);
		struct sv name = decode_name(w), text;
		bool active = decode_uint(w) != 0;
		struct script *s;

		text = decode_text(w);
		if (w->bad || kind >= STORE_SCRIPT_KINDS) {
			w->bad = true;
			break;
		}
		s = script_add(ru, (uint8_t)kind, name);
		s->active = active;
		script_set_text(s, text);
	}
}

bool
rules_decode(struct rules *ru, struct decoder *w)
{
	uint64_t n;

	if (w->s.n == 0)
		return true;
	scripts_decode(ru, w);
	n = decode_uint(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		struct store_memo m = {.kind = (uint8_t)decode_uint(w)};
		struct sv key = decode_bytes(w, sizeof m.key);

		m.until = decode_int(w);
		if (w->bad)
			break;
		memcpy(m.key, key.p, sizeof m.key);
		memo_set(ru, &m, 0);
	}
	n = decode_uint(w);
	for (uint64_t i = 0; i < n && !w->bad; i++) {
		struct outgoing o = {.body = 0};
		struct sv id = decode_bytes(w, sizeof o.id), envelope;

		o.body = decode_uint(w);
		o.size = decode_uint(w);
		envelope = decode_text(w);
		if (w->bad)
			break;
		memcpy(o.id, id.p, sizeof o.id);
		outgoing_add(ru, &o, envelope);
	}
	return !w->bad;
}
