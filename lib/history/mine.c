#include "history/mine.h"

#include "base/ascii.h"
#include "base/fold.h"
#include "history/history.h"

#define HAY_MAX (8 * (HISTORY_WHO_MAX + 4 * HISTORY_TEXT_MAX))

/* ---- whose ---- */

/* "anna+shop@a.test" is anna@a.test's. */
static bool
is_with_detail(struct sv address, struct sv own)
{
	size_t at = sv_rchr(own, '@'), plus = sv_chr(address, '+');
	size_t end = sv_rchr(address, '@');

	return plus == at && end < address.n && plus < end &&
	       sv_ieq(sv_first(address, plus), sv_first(own, at)) &&
	       sv_ieq(sv_skip(address, end), sv_skip(own, at));
}

static bool
is_own(const struct history_owner *o, struct sv address)
{
	size_t i;

	for (i = 0; i < o->naddress; i++)
		if (sv_ieq(address, o->address[i]) ||
		    is_with_detail(address, o->address[i]))
			return true;
	return false;
}

static bool
is_by_owner(const struct history_owner *o, const struct history_step *s)
{
	return s->account.n > 0 && sv_eq(s->account, o->account);
}

static bool
is_at_the_door(const struct history_step *s)
{
	return s->writer == HISTORY_W_SMTP || s->writer == HISTORY_W_SUBMISSION;
}

/* The owner's own words, which name all whom it is for. */
static bool
is_sent(const struct history_owner *o, const struct history_step *s)
{
	return s->writer == HISTORY_W_SUBMISSION && is_by_owner(o, s);
}

static bool
is_named(const struct history_owner *o, const struct history_step *all,
    size_t n, struct sv address)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct sv who = all[i].who;

		if (!is_sent(o, &all[i]))
			continue;
		while (who.n > 0)
			if (sv_ieq(sv_split(&who, ' '), address))
				return true;
	}
	return false;
}

/* ---- a step ---- */

struct view {
	const struct history_owner *o;
	const struct history_step *all; /* as they were */
	size_t n;
	bool sent;    /* by the owner */
	bool arrived; /* at the owner's account, whatever its address was */
	struct buf *room;
};

static bool
may_see(const struct view *v, struct sv address)
{
	return v->sent ? is_named(v->o, v->all, v->n, address)
		       : is_own(v->o, address);
}

/*
 * Only those of the recipients are left of which the owner may know.  Words
 * that name another are left out.  Returns how many are left.
 */
static size_t
narrow(struct view *v, struct history_step *s)
{
	struct sv rest = s->who, text = s->text;
	size_t begin = v->room->n, n = 0;

	while (rest.n > 0) {
		struct sv one = sv_split(&rest, ' ');

		if (one.n == 0)
			continue;
		if (may_see(v, one)) {
			buf_adds(v->room, n++ > 0 ? " " : "");
			buf_addsv(v->room, one);
		} else if (sv_ifind(text, one) < text.n) {
			s->text = SV("");
		}
	}
	if (!buf_ok(v->room))
		n = 0;
	s->who = n > 0 ? sv_skip(buf_sv(v->room), begin) : SV("");
	return n;
}

static bool
see_at_the_door(struct view *v, struct history_step *s)
{
	bool by_another = s->account.n > 0;

	if (is_sent(v->o, s))
		return true;
	if (v->sent || s->kind == HISTORY_REMARK)
		return false;
	/* By a catch-all it has no address of the owner.  What was accepted
	 * for others only the owner has not got. */
	if (narrow(v, s) == 0 && !(s->kind == HISTORY_ACCEPTED && v->arrived))
		return false;
	if (by_another) {
		s->peer = SV("");
		s->account = SV("");
		s->flags = 0;
	}
	return true;
}

/* Of others only that it got somewhere here, and only if the owner has sent
 * it. */
static bool
see_stored(struct view *v, struct history_step *s)
{
	if (is_by_owner(v->o, s))
		return true;
	if (!v->sent || s->kind != HISTORY_STORED)
		return false;
	*s = (struct history_step){.kind = HISTORY_STORED,
	    .writer = s->writer,
	    .count = HISTORY_C_NONE,
	    .when = s->when};
	return true;
}

static bool
see_on_the_way(struct view *v, struct history_step *s)
{
	bool own = is_by_owner(v->o, s);

	if (narrow(v, s) > 0) {
		if (!own)
			s->account = SV("");
		return true;
	}
	return own && s->kind != HISTORY_REMARK;
}

static bool
see(struct view *v, struct history_step *s)
{
	if (is_at_the_door(s))
		return see_at_the_door(v, s);
	if (s->writer == HISTORY_W_ACCOUNT)
		return see_stored(v, s);
	return see_on_the_way(v, s);
}

/* ---- the story ---- */

/* Is there a step for the owner, beyond that it came to this server? */
static bool
is_theirs(const struct history_owner *o, const struct history_step *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct sv who = s[i].who;

		if (is_by_owner(o, &s[i]))
			return true;
		while (who.n > 0)
			if (is_own(o, sv_split(&who, ' ')))
				return true;
	}
	return false;
}

/* The slices that narrow() has made point into room, which must not move. */
static bool
make_room(const struct history_step *s, size_t n, struct buf *room)
{
	size_t i, need = 1;

	for (i = 0; i < n; i++)
		need += s[i].who.n + 1;
	return buf_reserve(room, need) != NULL;
}

size_t
history_mine(const struct history_owner *o, struct history_step *s, size_t n,
    struct buf *room)
{
	struct history_step all[HISTORY_STORY_MAX];
	struct view v = {.o = o, .all = all, .room = room};
	size_t i, left = 0;

	n = n < HISTORY_STORY_MAX ? n : HISTORY_STORY_MAX;
	if (!is_theirs(o, s, n) || !make_room(s, n, room))
		return 0;
	for (i = 0; i < n; i++) {
		all[i] = s[i];
		v.sent = v.sent || is_sent(o, &s[i]);
		v.arrived = v.arrived ||
			    (!is_at_the_door(&s[i]) && is_by_owner(o, &s[i]));
	}
	v.n = n;
	for (i = 0; i < n; i++) {
		struct history_step one = all[i];

		if (see(&v, &one))
			s[left++] = one;
	}
	return left;
}

/* ---- a search ---- */

static void
add_field(struct sv text, struct buf *hay)
{
	fold_utf8(text, hay);
	buf_addc(hay, '\n');
}

bool
history_mine_matches(const struct history_step *s, size_t n, struct sv words)
{
	struct buf hay, folded;
	bool all = true;
	struct sv rest;
	size_t i;

	buf_init(&hay, HAY_MAX);
	buf_init(&folded, 8 * HISTORY_TEXT_MAX);
	for (i = 0; i < n; i++) {
		add_field(s[i].sender, &hay);
		add_field(s[i].who, &hay);
		add_field(s[i].subject, &hay);
		add_field(s[i].message_id, &hay);
	}
	fold_utf8(words, &folded);
	for (rest = buf_sv(&folded); all && rest.n > 0;) {
		struct sv word = sv_trim(sv_split(&rest, ' '));

		all = word.n == 0 || sv_find(buf_sv(&hay), word) < hay.n;
	}
	buf_fini(&folded);
	buf_fini(&hay);
	return all;
}
