#include "history/words.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "history/history.h"

#define SHOWN_RECIPIENTS 20

/* ---- texts ---- */

/* Direction marks, joiners, line separators: they make one text look like
 * another, or like two. */
static bool
is_invisible(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0xad ||
	       (cp >= 0xfff9 && cp <= 0xfffb) ||
	       (cp >= 0xe0000 && cp <= 0xe0fff);
}

void
history_show(struct sv s, struct buf *out)
{
	uint32_t cp;

	while (s.n > 0) {
		if (utf8_next(&s, &cp) != RC_OK)
			cp = 0xfffd;
		if (cp < ' ' || (cp >= 0x7f && cp < 0xa0))
			cp = ' ';
		if (!is_invisible(cp))
			utf8_put(out, cp);
	}
}

static void
show_list(struct sv all, struct buf *out)
{
	unsigned n = 0, more = 0;

	while (all.n > 0) {
		struct sv one = sv_split(&all, ' ');

		if (one.n == 0)
			continue;
		if (n == SHOWN_RECIPIENTS) {
			more++;
			continue;
		}
		buf_adds(out, n++ > 0 ? ", " : "");
		history_show(one, out);
	}
	if (more > 0)
		buf_addf(out, " and %u more", more);
}

static void
show_size(uint64_t n, struct buf *out)
{
	if (n < 1000)
		buf_addf(out, "%llu bytes", (unsigned long long)n);
	else if (n < 1000000)
		buf_addf(out, "%.1f KB", (double)n / 1e3);
	else
		buf_addf(out, "%.1f MB", (double)n / 1e6);
}

static void
show_time(int64_t ms, struct buf *out)
{
	time_t secs = (time_t)(ms / 1000);
	struct tm tm = {.tm_year = 0};
	char text[64];

	if (localtime_r(&secs, &tm) != NULL &&
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0)
		buf_adds(out, text);
}

static bool
begins_with_code(const struct history_step *s)
{
	struct sv text = s->text;
	uint64_t n = 0;

	return sv_take_u64(&text, 999, &n) == RC_OK && n == s->code;
}

/* ": 550 5.1.1 no such address here", or nothing. */
static void
show_reply(const struct history_step *s, const char *before, struct buf *out)
{
	if (s->code == 0 && s->text.n == 0)
		return;
	buf_adds(out, before);
	/* Many words begin with it themselves. */
	if (s->code != 0 && !begins_with_code(s))
		buf_addf(out, "%u%s", s->code, s->text.n > 0 ? " " : "");
	history_show(s->text, out);
}

/* ---- sentences ---- */

/* " for x@example.test", or nothing. */
static void
show_who(const char *before, const struct history_step *s, struct buf *out)
{
	struct sv who = s->who.n > 0 ? s->who : s->account;

	if (who.n == 0)
		return;
	buf_adds(out, before);
	show_list(who, out);
}

static void
show_peer(const struct history_step *s, struct buf *out)
{
	if (s->account.n > 0) {
		buf_adds(out, " from the account ");
		history_show(s->account, out);
	} else if (s->peer.n > 0) {
		buf_adds(out, " from ");
		history_show(s->peer, out);
	}
	if ((s->flags & HISTORY_TLS) != 0)
		buf_adds(out, " over TLS");
}

static void
at_the_door(const struct history_step *s, const char *what, struct buf *out)
{
	buf_adds(out, what);
	show_peer(s, out);
	if (s->who.n > 0) {
		buf_adds(out, " for ");
		show_list(s->who, out);
	}
	show_reply(s, ": ", out);
}

static void
stored(const struct history_step *s, struct buf *out)
{
	buf_adds(out, "stored");
	show_who(" for the account ", s, out);
	/* The folder, then why. */
	buf_adds(out, " in ");
	history_show(s->text, out);
	if ((s->flags & HISTORY_JUNK) != 0 && !sv_eq(s->text, SV("Junk")))
		buf_adds(out, ", as junk");
}

static void
tried(const struct history_step *s, struct buf *out)
{
	buf_adds(out, "not taken now");
	show_who(" for ", s, out);
	show_reply(s, ": ", out);
	if (s->number > 0) {
		buf_adds(out, "; next try at ");
		show_time((int64_t)s->number, out);
	}
}

static void
returned(const struct history_step *s, struct buf *out)
{
	buf_adds(out, "given up");
	show_who(" for ", s, out);
	show_reply(s, ": ", out);
	buf_adds(out, (s->flags & HISTORY_TOLD) != 0
			  ? "; its sender gets a report"
			  : "; its sender is not told");
}

static void
host(const struct history_step *s, struct buf *out)
{
	buf_adds(out, "asked the host ");
	history_show(s->peer, out);
	buf_adds(
	    out, (s->flags & HISTORY_TLS) != 0 ? " over TLS" : " without TLS");
	show_who(" for ", s, out);
	show_reply(s, ": ", out);
}

static void
plain(const struct history_step *s, const char *what, const char *before,
    struct buf *out)
{
	buf_adds(out, what);
	show_who(before, s, out);
	show_reply(s, ": ", out);
}

void
history_step_words(const struct history_step *s, struct buf *out)
{
	switch ((enum history_kind)s->kind) {
	case HISTORY_ACCEPTED:
		at_the_door(s, "accepted", out);
		break;
	case HISTORY_REFUSED:
		at_the_door(s, "refused", out);
		break;
	case HISTORY_DEFERRED:
		at_the_door(s, "asked to come again", out);
		break;
	case HISTORY_STORED:
		stored(s, out);
		break;
	case HISTORY_UNSTORED:
		plain(s, "not stored now", " for the account ", out);
		break;
	case HISTORY_QUEUED:
		buf_addf(out, "queued as %llu", (unsigned long long)s->number);
		show_who(" for ", s, out);
		show_reply(s, ": ", out);
		break;
	case HISTORY_TRIED:
		tried(s, out);
		break;
	case HISTORY_SENT:
		plain(s, "sent", " to ", out);
		break;
	case HISTORY_HANDED:
		plain(s, "handed over", " to the account ", out);
		break;
	case HISTORY_RETURNED:
		returned(s, out);
		break;
	case HISTORY_DELAYED:
		plain(s, "its sender was told that it waits", " for ", out);
		break;
	case HISTORY_HELD:
		plain(s, "put on hold", " for ", out);
		break;
	case HISTORY_RELEASED:
		plain(s, "released", " for ", out);
		break;
	case HISTORY_REMOVED:
		plain(s, "removed from the queue", " for ", out);
		break;
	case HISTORY_RETRIED:
		plain(s, "to be tried now", " for ", out);
		break;
	case HISTORY_HOST:
		host(s, out);
		break;
	case HISTORY_REMARK:
	case HISTORY_KINDS:
		history_show(s->text, out);
		show_who(", for ", s, out);
		break;
	}
}

/* ---- names ---- */

const char *
history_kind_name(enum history_kind k)
{
	static const char *const names[HISTORY_KINDS] = {
	    [HISTORY_ACCEPTED] = "accepted",
	    [HISTORY_REFUSED] = "refused",
	    [HISTORY_DEFERRED] = "deferred",
	    [HISTORY_STORED] = "stored",
	    [HISTORY_UNSTORED] = "not-stored",
	    [HISTORY_QUEUED] = "queued",
	    [HISTORY_TRIED] = "tried",
	    [HISTORY_SENT] = "sent",
	    [HISTORY_HANDED] = "handed-over",
	    [HISTORY_RETURNED] = "returned",
	    [HISTORY_DELAYED] = "delay-reported",
	    [HISTORY_HELD] = "held",
	    [HISTORY_RELEASED] = "released",
	    [HISTORY_REMOVED] = "removed",
	    [HISTORY_RETRIED] = "retried",
	    [HISTORY_HOST] = "host",
	    [HISTORY_REMARK] = "remark",
	};

	return k < HISTORY_KINDS ? names[k] : "remark";
}

const char *
history_writer_name(uint8_t writer)
{
	static const char *const names[HISTORY_WRITERS] = {
	    "smtp", "submission", "account", "queue", "mx"};

	return writer < HISTORY_WRITERS ? names[writer] : "";
}

/* ---- the story ---- */

/* Of the same millisecond. */
static int
rank(const struct history_step *s)
{
	static const uint8_t ranks[HISTORY_KINDS] = {[HISTORY_QUEUED] = 1,
	    [HISTORY_HOST] = 2,
	    [HISTORY_TRIED] = 3,
	    [HISTORY_SENT] = 3,
	    [HISTORY_STORED] = 2,
	    [HISTORY_HANDED] = 3,
	    [HISTORY_RETURNED] = 4};

	/* The queue's are about what it has. */
	if (s->kind == HISTORY_REMARK && s->writer == HISTORY_W_QUEUE)
		return 2;
	return s->kind < HISTORY_KINDS ? ranks[s->kind] : 0;
}

static bool
comes_before(const struct history_step *a, const struct history_step *b)
{
	if (a->when != b->when)
		return a->when < b->when;
	return rank(a) < rank(b);
}

static bool
is_stored(const struct history_step *s, size_t n, struct sv account)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i].kind == HISTORY_STORED && sv_eq(s[i].account, account))
			return true;
	return false;
}

size_t
history_arrange(struct history_step *s, size_t n)
{
	size_t i, k, left = 0;

	/* Nearly sorted already, and what is equal stays in its order. */
	for (i = 1; i < n; i++) {
		struct history_step at = s[i];

		for (k = i; k > 0 && comes_before(&at, &s[k - 1]); k--)
			s[k] = s[k - 1];
		s[k] = at;
	}
	for (i = 0; i < n; i++)
		if (s[i].kind != HISTORY_HANDED ||
		    !is_stored(s, n, s[i].account))
			s[left++] = s[i];
	return left;
}

struct sv
history_sender(const struct history_step *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i].sender.n > 0)
			return s[i].sender;
	return SV("");
}

struct sv
history_subject(const struct history_step *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i].subject.n > 0)
			return s[i].subject;
	return SV("");
}

struct sv
history_message_id(const struct history_step *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i].message_id.n > 0)
			return s[i].message_id;
	return SV("");
}

/* In place of a subject. */
static const char *
nameless(const struct history_step *s, size_t n)
{
	size_t i;

	if (n > 0 && s[0].kind == HISTORY_QUEUED && s[0].sender.n == 0)
		return "(a report from this server)";
	for (i = 0; i < n; i++)
		if (s[i].kind == HISTORY_ACCEPTED)
			return "(no subject recorded)";
	return "(subject not known)";
}

static void
head(const struct history_step *s, size_t n, struct buf *out)
{
	struct sv subject = history_subject(s, n);
	struct sv sender = history_sender(s, n);
	struct sv message_id = history_message_id(s, n);
	size_t i;

	if (subject.n > 0)
		history_show(subject, out);
	else
		buf_adds(out, nameless(s, n));
	buf_adds(out, "\n  from ");
	if (sender.n > 0)
		history_show(sender, out);
	else
		buf_adds(out, "<>");
	for (i = 0; i < n; i++)
		if (s[i].kind == HISTORY_ACCEPTED && s[i].number > 0) {
			buf_adds(out, ", ");
			show_size(s[i].number, out);
			break;
		}
	if (message_id.n > 0) {
		buf_adds(out, ", Message-ID <");
		history_show(message_id, out);
		buf_addc(out, '>');
	}
	buf_adds(out, "\n  id ");
	for (i = 0; n > 0 && i < sizeof s->id; i++)
		buf_addf(out, "%02x", s->id[i]);
	buf_addc(out, '\n');
}

/* The queue names the host behind what that has said: "250 ok (mx.y.test)". */
static bool
is_from_host(const struct history_step *s, const struct history_step *host)
{
	struct sv rest = sv_skip(s->text, host->text.n);

	if (host->kind != HISTORY_HOST || host->text.n == 0 ||
	    (s->code != 0 && host->code != s->code) ||
	    !sv_starts(s->text, host->text))
		return false;
	return rest.n == 0 ||
	       (sv_starts(rest, SV(" (")) && sv_ends(rest, SV(")")) &&
		   sv_eq(sv_first(sv_skip(rest, 2), rest.n - 3), host->peer));
}

/* What the host has said is in a line above already. */
static bool
repeats_host(const struct history_step *s, size_t at)
{
	const struct history_step *now = &s[at];

	if (now->kind != HISTORY_SENT && now->kind != HISTORY_TRIED &&
	    now->kind != HISTORY_RETURNED)
		return false;
	while (at-- > 0)
		if (is_from_host(now, &s[at]))
			return true;
	return false;
}

void
history_story_words(const struct history_step *s, size_t n, struct buf *out)
{
	size_t i;

	head(s, n, out);
	for (i = 0; i < n; i++) {
		buf_adds(out, "  ");
		show_time(s[i].when, out);
		buf_adds(out, "  ");
		if (repeats_host(s, i)) {
			struct history_step brief = s[i];

			brief.code = 0;
			brief.text = SV("");
			history_step_words(&brief, out);
		} else {
			history_step_words(&s[i], out);
		}
		buf_addc(out, '\n');
	}
}
