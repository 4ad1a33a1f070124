#include "imap/session/internal.h"

#include <stdio.h>

#include "base/ascii.h"
#include "imap/parse/utf7.h"

/*
 * Patterns [RFC 3501 6.3.8]: "*" stands for any characters, "%" for any but
 * the hierarchy separator.
 *
 * Greedy, and going back only to the last "%" of the level, else to the last
 * "*": what stands before those can never match better elsewhere.  So time is
 * at most the product of the lengths.
 *
 * The first `fold` bytes of the name match in any case: INBOX.
 */
static bool
matches(struct sv pattern, struct sv name, size_t fold)
{
	size_t p = 0, n = 0;
	size_t star_p = SIZE_MAX, star_n = 0;
	size_t pct_p = SIZE_MAX, pct_n = 0;

	while (n < name.n || p < pattern.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star_p = ++p;
			star_n = n;
			pct_p = SIZE_MAX;
		} else if (p < pattern.n && pattern.p[p] == '%') {
			pct_p = ++p;
			pct_n = n;
		} else if (p < pattern.n && n < name.n &&
			   (pattern.p[p] == name.p[n] ||
			       (n < fold &&
				   ascii_upper(pattern.p[p]) == name.p[n]))) {
			p++;
			n++;
		} else if (pct_p != SIZE_MAX && pct_n < name.n &&
			   name.p[pct_n] != '/') {
			p = pct_p;
			n = ++pct_n;
		} else if (star_p != SIZE_MAX && star_n < name.n) {
			p = star_p;
			n = ++star_n;
			pct_p = SIZE_MAX;
		} else {
			return false;
		}
	}
	return true;
}

struct list {
	struct imap_session *s;
	const char *word; /* LIST or LSUB */
	struct sv pattern;
	struct sv last_parent; /* of LSUB's "%" */
};

static bool
pattern_matches(const struct list *l, struct sv name)
{
	bool inbox = sv_eq(name, SV("INBOX")) || sv_starts(name, SV("INBOX/"));

	return matches(l->pattern, name, inbox ? 5 : 0);
}

static void
put_line(struct list *l, const char *attributes, struct sv name)
{
	struct buf *b = &l->s->scratch;

	buf_reset(b);
	buf_addf(b, "* %s (%s) \"/\" ", l->word, attributes);
	imap_put_mailbox(b, name);
	buf_adds(b, "\r\n");
	stream_putsv(l->s->st, buf_sv(b));
}

static const char *
use_name(enum store_use use)
{
	switch (use) {
	case STORE_USE_NONE:
		return "";
	case STORE_USE_DRAFTS:
		return " \\Drafts";
	case STORE_USE_SENT:
		return " \\Sent";
	case STORE_USE_JUNK:
		return " \\Junk";
	case STORE_USE_TRASH:
		return " \\Trash";
	case STORE_USE_ARCHIVE:
		return " \\Archive";
	case STORE_USE_ALL:
		return " \\All";
	case STORE_USE_FLAGGED:
		return " \\Flagged";
	}
	return "";
}

/* Attributes of [RFC 3501 7.2.2], [RFC 3348] and [RFC 6154]. */
static void
list_one(struct list *l, const struct store_mailbox *m)
{
	char attr[80];

	if (!m->exists && !m->has_children)
		return; /* only a subscription */
	if (!pattern_matches(l, sv_str(m->name)))
		return;
	(void)snprintf(attr, sizeof attr, "%s%s%s",
	    m->selectable ? "" : "\\Noselect ",
	    m->has_children ? "\\HasChildren" : "\\HasNoChildren",
	    use_name(m->use));
	put_line(l, attr, sv_str(m->name));
}

/*
 * "%" also names a level above a subscribed mailbox that does not match by
 * itself [RFC 3501 6.3.9].  Names come in order, so each is told once.
 */
static void
lsub_parent(struct list *l, struct sv name)
{
	size_t i;

	if (l->pattern.n == 0 || l->pattern.p[l->pattern.n - 1] != '%')
		return;
	for (i = 0; i < name.n; i++) {
		struct sv parent = sv_first(name, i);

		if (name.p[i] != '/' || !pattern_matches(l, parent))
			continue;
		if (l->last_parent.p == NULL || !sv_eq(l->last_parent, parent))
			put_line(l, "\\Noselect", parent);
		l->last_parent = parent;
		return;
	}
}

static void
lsub_one(struct list *l, const struct store_mailbox *m)
{
	struct sv name = sv_str(m->name);

	if (!m->subscribed)
		return;
	if (pattern_matches(l, name)) {
		put_line(
		    l, m->exists && m->selectable ? "" : "\\Noselect", name);
		l->last_parent = name;
	} else {
		lsub_parent(l, name);
	}
}

static void
list_all(struct imap_cmd *c, struct sv pattern, bool lsub)
{
	struct imap_session *s = c->s;
	struct store_mailbox_list all;
	struct list l = {.s = s, .word = lsub ? "LSUB" : "LIST"};
	size_t i;

	l.pattern = pattern;
	store_mailbox_list(s->store, &all, &s->need);
	for (i = 0; i < all.n; i++) {
		if (lsub)
			lsub_one(&l, &all.m[i]);
		else
			list_one(&l, &all.m[i]);
	}
	store_mailbox_list_fini(&all);
}

/* Reference and pattern are one behind the other, as a path.  A pattern that
 * is no modified UTF-7 matches nothing. */
static bool
whole_pattern(
    struct imap_cmd *c, struct sv ref, struct sv pattern, struct sv *out)
{
	struct buf wire, text;
	bool ok;

	buf_init(&wire, ref.n + pattern.n);
	buf_init(&text, 2 * (ref.n + pattern.n));
	buf_addsv(&wire, ref);
	buf_addsv(&wire, pattern);
	ok = imap_utf7_decode(buf_sv(&wire), &text) == RC_OK;
	if (ok)
		*out = arena_dup(c->in.arena, buf_sv(&text));
	buf_fini(&text);
	buf_fini(&wire);
	return ok;
}

/*
 * list = "LIST" SP mailbox SP list-mailbox
 * lsub = "LSUB" SP mailbox SP list-mailbox
 */
static void
list(struct imap_cmd *c, bool lsub)
{
	struct sv ref, pattern, whole;
	int r = imap_sp(&c->in);

	/* The reference is half a name: "Work/" or empty. */
	if (r == RC_OK)
		r = imap_astring(&c->in, &ref);
	if (r == RC_OK)
		r = imap_sp(&c->in);
	if (r == RC_OK)
		r = imap_list_mailbox(&c->in, &pattern);
	if (r == RC_OK)
		r = imap_end(&c->in);
	if (r != RC_OK) {
		imap_syntax(c, r);
		return;
	}
	if (pattern.n == 0)
		stream_printf(c->s->st, "* %s (\\Noselect) \"/\" \"\"\r\n",
		    lsub ? "LSUB" : "LIST");
	else if (whole_pattern(c, ref, pattern, &whole))
		list_all(c, whole, lsub);
	imap_ok(c, "Mailboxes listed.");
}

void
imap_cmd_list(struct imap_cmd *c)
{
	list(c, false);
}

void
imap_cmd_lsub(struct imap_cmd *c)
{
	list(c, true);
}
