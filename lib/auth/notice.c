#include "auth/notice.h"

#include "base/clk.h"
#include "base/plural.h"
#include "mail/date.h"

static void
put_day(int64_t secs, struct buf *out)
{
	struct clk_tm t;

	clk_civil(secs, &t);
	buf_addf(out, "%04d-%02d-%02d", t.year, t.month, t.day);
}

/* ---- letters ---- */

static void
put_head(const struct notice *n, const struct notice_letter *l, struct buf *out)
{
	buf_adds(out, "Return-Path: <>\r\nDate: ");
	mail_date_print(l->now, 0, out);
	buf_addf(out,
	    "\r\nFrom: Mail server <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Message-ID: <%016llx%016llx@%s>\r\nSubject: ",
	    l->from_domain, l->to, (unsigned long long)l->id[0],
	    (unsigned long long)l->id[1], l->hostname);
	if (n->state == RING_ANNOUNCED)
		buf_addf(out, "%s%s has a new DKIM key: please publish it",
		    n->again ? "Reminder: " : "", n->domain);
	else if (n->state == RING_ACTIVE)
		buf_addf(
		    out, "The new DKIM key of %s is now in use", n->domain);
	else
		buf_addf(out, "An old DKIM key of %s can be removed from DNS",
		    n->domain);
	buf_adds(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0"
		      "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
}

static void
put_names(const char *domain,
    const char selector[DKIM_ALGORITHMS][DKIM_SELECTOR_MAX], struct buf *out)
{
	int a;

	for (a = 0; a < DKIM_ALGORITHMS; a++)
		buf_addf(out, "    %s._domainkey.%s\r\n", selector[a], domain);
}

static void
put_announced(const struct notice *n, struct buf *out)
{
	int64_t days = n->rotate_s / 86400;
	int a;

	buf_addf(out,
	    "There is a new key for signing the mail of %s.  Please add these "
	    "two TXT\r\nrecords to its DNS; leave the others as they "
	    "are.\r\n",
	    n->domain);
	for (a = 0; a < DKIM_ALGORITHMS; a++)
		buf_addf(out,
		    "\r\nName:  %s._domainkey.%s\r\nType:  TXT\r\n"
		    "Value: %.*s\r\n",
		    n->selector[a], n->domain, SV_ARG(n->record[a]));
	buf_adds(out,
	    "\r\n\"hearthmail dns --print\" prints them as lines of a zone "
	    "file.\r\n\r\n"
	    "That is all: the new key is used as soon as all name servers of "
	    "the domain\r\nhave both records and others have forgotten that "
	    "there were none.  Until then,\r\nmail is signed with the present "
	    "key, and nothing is lost.\r\n");
	if (n->again && n->why[0] != '\0')
		buf_addf(out, "\r\nWhen last asked: %s.\r\n", n->why);
	buf_adds(out, "\r\n\"hearthmail dkim list\" shows what is awaited");
	if (n->rotate_s > 0)
		buf_addf(out,
		    ".  Keys are changed every %lld\r\nday%s; the setting is "
		    "dkim.rotate",
		    (long long)days, plural((uint64_t)days));
	buf_adds(out, ".\r\n");
}

static void
put_in_use(const struct notice *n, struct buf *out)
{
	buf_addf(out,
	    "The mail of %s is now signed with the new key.  Its records must "
	    "stay in DNS:\r\n\r\n",
	    n->domain);
	put_names(n->domain, n->selector, out);
	if (n->old_selector[0][0] == '\0')
		return;
	buf_adds(out, "\r\nThose of the old key are needed until ");
	put_day(n->old_until, out);
	buf_adds(out, ", for mail that is still on its way:\r\n\r\n");
	put_names(n->domain, n->old_selector, out);
	buf_adds(out, "\r\nYou will be told when they can be removed.\r\n");
}

static void
put_retired(const struct notice *n, struct buf *out)
{
	buf_addf(out,
	    "An old DKIM key of %s has been deleted.  If its records are "
	    "still\r\nin DNS, you can remove them now:\r\n\r\n",
	    n->domain);
	put_names(n->domain, n->selector, out);
	buf_adds(out, "\r\nThey do no harm if they stay.\r\n");
}

void
notice_compose(
    const struct notice *n, const struct notice_letter *l, struct buf *out)
{
	put_head(n, l, out);
	if (n->state == RING_ANNOUNCED)
		put_announced(n, out);
	else if (n->state == RING_ACTIVE)
		put_in_use(n, out);
	else
		put_retired(n, out);
}

/* ---- the list ---- */

static void
put_span(int64_t ms, struct buf *out)
{
	int64_t minutes = (ms + 59999) / 60000;

	if (minutes < 120)
		buf_addf(out, "%lld minute%s", (long long)minutes,
		    plural((uint64_t)minutes));
	else
		buf_addf(out, "%lld hours", (long long)((minutes + 59) / 60));
}

static void
put_awaited(const struct notice_dns *w, struct buf *out)
{
	buf_adds(out, "    waits for its records in DNS");
	if (w == NULL) {
		buf_adds(out, "; the server looks for them when it runs\n");
	} else if (w->seen_ms >= 0 && w->seen_ms >= w->wait_ms &&
		   w->why[0] != '\0') {
		buf_addf(out,
		    ": all name servers had them, and are asked once more: "
		    "%s\n",
		    w->why);
	} else if (w->seen_ms >= 0) {
		buf_adds(out, ": all name servers have them; in use in ");
		put_span(
		    w->wait_ms > w->seen_ms ? w->wait_ms - w->seen_ms : 0, out);
		buf_adds(out, ", when others have forgotten that there were "
			      "none\n");
	} else if (w->why[0] != '\0') {
		buf_addf(out, ": %s\n", w->why);
	} else {
		buf_adds(out, "; the name servers have not answered yet\n");
	}
}

/* Behind the state, in the same line: who reads only that line knows all. */
static void
put_seen(const struct notice_dns *w, struct buf *out)
{
	if (w == NULL)
		buf_adds(out, "; the server looks for its records in DNS when "
			      "it runs");
	else if (w->active == ROTATION_THERE)
		buf_adds(out, "; its records are in DNS");
	else if (w->active == ROTATION_NOT_THERE)
		buf_addf(out,
		    ", BUT ITS RECORDS ARE NOT IN DNS: %s; see \"hearthmail "
		    "dns\"",
		    w->active_why);
	else if (w->active_why[0] != '\0')
		buf_addf(out, "; whether DNS has its records is not known: %s",
		    w->active_why);
	else
		buf_adds(out, "; its records are being looked for in DNS: ask "
			      "again in a minute");
}

static void
put_next(const struct ring *r, const struct rotation_policy *p, struct buf *out)
{
	int64_t due = rotation_due_at(r, p);

	if (rotation_awaited(r) != NULL)
		return;
	if (due == 0) {
		buf_adds(out, "    changed only by \"hearthmail dkim "
			      "rotate\"\n");
		return;
	}
	buf_adds(out, "    the next key is due on ");
	put_day(due, out);
	buf_addc(out, '\n');
}

static void
put_entry(const struct ring *r, const struct ring_entry *e,
    const struct rotation_policy *p, const struct notice_dns *w,
    struct buf *out)
{
	buf_addf(out, "  %s %s  %s since ", e->pair.selector[DKIM_RSA],
	    e->pair.selector[DKIM_ED25519], ring_state_name(e->state));
	put_day(e->since, out);
	if (e->state == RING_ACTIVE)
		put_seen(w, out);
	buf_addc(out, '\n');
	switch (e->state) {
	case RING_ACTIVE:
		put_next(r, p, out);
		break;
	case RING_ANNOUNCED:
		put_awaited(w, out);
		break;
	case RING_RETIRING:
		buf_adds(out, "    its records are needed until ");
		put_day(rotation_needed_until(e, p, clk_now() / 1000), out);
		buf_addc(out, '\n');
		break;
	case RING_RETIRED:
		buf_adds(out, "    its records can be removed from DNS\n");
		break;
	case RING_STATES:
		break;
	}
}

/* What signs first, then what will, then what did. */
void
notice_list(const char *domain, const struct ring *r,
    const struct rotation_policy *p, const struct notice_dns *w,
    struct buf *out)
{
	static const enum ring_state order[] = {
	    RING_ACTIVE, RING_ANNOUNCED, RING_RETIRING, RING_RETIRED};
	size_t i, k;

	buf_addf(out, "%s\n", domain);
	for (k = 0; k < sizeof order / sizeof order[0]; k++)
		for (i = 0; i < r->n; i++)
			if (r->e[i].state == order[k])
				put_entry(r, &r->e[i], p, w, out);
}
