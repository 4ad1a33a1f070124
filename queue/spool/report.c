#include "queue/spool/report.h"

#include <stdio.h>

#include "base/ascii.h"
#include "base/plural.h"
#include "mail/date.h"
#include "mail/field.h"
#include "mail/path.h"
#include "mime/mime.h"

#define SUBJECT_MAX 200

/* ---- codes and reasons ---- */

/* "5.1.1" anywhere among the first words. */
static bool
find_enhanced(struct sv reply_text, char out[12])
{
	size_t i;

	for (i = 0; i + 5 <= reply_text.n && i < 64; i++) {
		struct sv rest = sv_skip(reply_text, i);
		uint64_t class, subject, detail;
		bool start = i == 0 || !ascii_is_alnum(reply_text.p[i - 1]);

		if (!start || (i > 0 && reply_text.p[i - 1] == '.') ||
		    sv_take_u64(&rest, 5, &class) != RC_OK || rest.n == 0 ||
		    rest.p[0] != '.' || (class != 4 && class != 5))
			continue;
		rest = sv_skip(rest, 1);
		if (sv_take_u64(&rest, 999, &subject) != RC_OK || rest.n == 0 ||
		    rest.p[0] != '.')
			continue;
		rest = sv_skip(rest, 1);
		if (sv_take_u64(&rest, 999, &detail) != RC_OK ||
		    (rest.n > 0 && rest.p[0] == '.'))
			continue;
		(void)snprintf(out, 12, "%u.%u.%u", (unsigned)class,
		    (unsigned)subject, (unsigned)detail);
		return true;
	}
	return false;
}

void
report_status(struct sv reply_text, bool failed, char out[12])
{
	if (!find_enhanced(reply_text, out))
		(void)snprintf(out, 12, failed ? "5.0.0" : "4.0.0");
	/* What is given up is permanent, what waits is not [RFC 3463 2]. */
	out[0] = failed ? '5' : '4';
}

/* What the usual codes mean to a person; %s is the domain. */
static const struct {
	const char *code; /* without its class */
	const char *text;
} reasons[] = {
    {"1.0", "there is no such address at %s"},
    {"1.1", "there is no such mailbox at %s"},
    {"1.2", "the domain %s does not exist; is the address spelled correctly?"},
    {"1.3", "%s does not accept the address as it is written"},
    {"1.6", "the recipient at %s has moved and left no new address"},
    {"1.10", "%s accepts no mail"},
    {"2.1", "the mailbox at %s is closed"},
    {"2.2", "the mailbox at %s is full"},
    {"2.3", "the message is too large for the mailbox at %s"},
    {"3.4", "the message is too large for %s"},
    {"4.4", "the domain %s does not exist; is the address spelled correctly?"},
    {"4.6", "mail for %s is in a loop"},
    {"6.3", "the server of %s does not accept the non-ASCII characters in this "
	    "message; write it without them, or let your mail program encode "
	    "it (quoted-printable)"},
    {"7.0", "%s has refused it"},
    {"7.1", "%s has refused it by policy"},
    {"7.23",
	"according to %s, this server may not send for the sender's domain"},
    {"7.25", "%s requires a name (a PTR record) for this server's address"},
    {"7.26", "according to %s, the message is not sufficiently authenticated"},
};

static void
add_reason(
    struct sv reply_text, const char *domain, bool expired, struct buf *out)
{
	char code[12];
	size_t i;

	if (expired) {
		buf_addf(out,
		    "%s could not be reached, or did not accept it, within "
		    "five days",
		    domain);
		return;
	}
	if (sv_eq(reply_text, SV(REPORT_UNREADABLE))) {
		buf_adds(
		    out, "it can no longer be read from this server's disk");
		return;
	}
	if (sv_eq(reply_text, SV(REPORT_REMOVED))) {
		buf_adds(out, "the postmaster of this mail server has removed "
			      "it from the queue");
		return;
	}
	if (sv_eq(reply_text, SV(REPORT_WOULD_REFUSE))) {
		buf_addf(out,
		    "%s would refuse it, for the author's domain asks all "
		    "others to refuse what has neither come from its own "
		    "servers nor has its signature (DMARC p=reject), and this "
		    "message is not signed",
		    domain);
		return;
	}
	report_status(reply_text, true, code);
	for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (strcmp(code + 2, reasons[i].code) == 0) {
			/* One %s each, as the table says. */
			struct sv t = sv_str(reasons[i].text);
			size_t mark = sv_find(t, SV("%s"));

			buf_addsv(out, sv_first(t, mark));
			buf_adds(out, domain);
			buf_addsv(out, sv_skip(t, mark + 2));
			return;
		}
	buf_addf(out, "%s has refused it", domain);
}

void
report_reason(
    struct sv reply_text, const char *address, bool expired, struct buf *out)
{
	size_t at = sv_rchr(sv_str(address), '@');

	add_reason(reply_text,
	    at < strlen(address) ? address + at + 1 : "this server", expired,
	    out);
}

/* ---- the parts ---- */

/* The author of what was forwarded does not hear where to. */
static void
add_reason_of(
    const struct report *r, const struct report_rcpt *to, struct buf *out)
{
	if (r->alias == NULL)
		report_reason(to->reply_text, to->address, r->expired, out);
	else if (r->to_owner)
		add_reason(to->reply_text, to->domain, r->expired, out);
	else if (r->expired)
		buf_adds(out, "it is forwarded from there, and the next server "
			      "has not accepted it within five days");
	else
		buf_adds(out, "it is forwarded from there, and the next server "
			      "has refused it");
}

static struct sv
header_of(struct sv message)
{
	size_t end = sv_find(message, SV("\r\n\r\n"));

	return end < message.n ? sv_first(message, end + 2) : message;
}

static void
add_subject(const struct report *r, struct buf *out)
{
	struct mail_field f;
	struct buf text;
	size_t i, n;

	buf_init(&text, 4096);
	if (mail_field_find(header_of(r->original), SV("Subject"), &f))
		mime_decode_header(f.value, &text);
	n = text.n < SUBJECT_MAX ? text.n : SUBJECT_MAX;
	while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a character */
	if (n > 0)
		buf_adds(out, " \"");
	for (i = 0; i < n; i++)
		buf_addc(
		    out, (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f
			     ? ' '
			     : text.p[i]);
	if (n > 0)
		buf_adds(out, n < text.n ? "...\"" : "\"");
	buf_fini(&text);
}

/* Words of a stranger on lines of our own: printable, indented, cut. */
static void
add_said(struct sv reply_text, struct buf *out)
{
	size_t i;

	for (i = 0; i < reply_text.n && i < 400; i++)
		buf_addc(out,
		    ascii_is_print(reply_text.p[i]) ? reply_text.p[i] : ' ');
}

static void
add_duration(int64_t ms, struct buf *out)
{
	int64_t minutes = ms / 60000;

	if (minutes < 120)
		buf_addf(out, "%lld minute%s", (long long)minutes,
		    plural((uint64_t)minutes));
	else if (minutes < 48 * 60)
		buf_addf(out, "%lld hours", (long long)(minutes / 60));
	else
		buf_addf(out, "%lld days", (long long)(minutes / 60 / 24));
}

/* What it says only a person can tell. */
static void
add_answered(const struct report *r, struct buf *out)
{
	buf_adds(out, "The server to which ");
	if (r->to_owner)
		buf_addf(out, "a message from %s to ", r->author);
	else
		buf_adds(out, "your message to ");
	buf_addf(out,
	    "%s was forwarded has answered it: it was not delivered, or not "
	    "yet, or somebody is away.\r\n",
	    r->alias);
}

/* To the owner of an alias. */
static void
add_owners_sentence(const struct report *r, struct buf *out)
{
	buf_adds(out, "A message");
	add_subject(r, out);
	buf_addf(out, " from %s to %s %s",
	    r->author[0] != '\0' ? r->author : "<>", r->alias,
	    r->returned ? "has come back from the server to which it was "
			  "forwarded"
			: "was not forwarded");
	if (r->returned) {
		buf_adds(out, ": ");
		add_reason_of(r, &r->rcpt[0], out);
	} else if (r->nrcpt == 1) {
		buf_addf(out, " to the address at %s: ", r->rcpt[0].domain);
		add_reason_of(r, &r->rcpt[0], out);
	} else {
		buf_addf(out, " to %zu addresses", r->nrcpt);
	}
	buf_adds(out, out->p[out->n - 1] == '?' ? "\r\n" : ".\r\n");
}

static void
add_sentence(const struct report *r, struct buf *out)
{
	if (r->answered) {
		add_answered(r, out);
		return;
	}
	if (r->to_owner) {
		add_owners_sentence(r, out);
		return;
	}
	buf_adds(out, "Your message");
	add_subject(r, out);
	if (r->nrcpt == 1)
		buf_addf(out, " to %s", r->rcpt[0].address);
	else
		buf_addf(out, " to %zu people", r->nrcpt);
	if (r->delay) {
		buf_adds(out, " has not been delivered yet, after ");
		add_duration(r->now - r->arrived, out);
		buf_adds(out, ". You do not need to do anything: delivery is "
			      "tried for five days.\r\n");
	} else {
		buf_adds(out, " was not delivered");
		if (r->nrcpt == 1) {
			buf_adds(out, ": ");
			add_reason_of(r, &r->rcpt[0], out);
		}
		buf_adds(out, out->p[out->n - 1] == '?' ? "\r\n" : ".\r\n");
	}
}

/* Nothing of it could be read. */
static bool
is_lost(const struct report *r)
{
	return !r->whole && r->original.n == 0;
}

/* The next server's words may have the address in them: they are not for the
 * author. */
static bool
has_words(const struct report *r)
{
	return r->alias == NULL || r->to_owner;
}

static void
add_explanation(const struct report *r, struct buf *out)
{
	size_t i;

	add_sentence(r, out);
	for (i = 0; i < r->nrcpt; i++) {
		const struct report_rcpt *to = &r->rcpt[i];

		buf_addf(out, "\r\n%s%s\r\n",
		    r->to_owner && !r->returned ? "an address at " : "",
		    r->to_owner ? to->domain : to->address);
		if (!r->delay && r->nrcpt > 1) {
			buf_adds(out, "    ");
			add_reason_of(r, to, out);
			buf_adds(out, "\r\n");
		}
		if (to->reply_text.n > 0 && has_words(r)) {
			buf_adds(out, "    last reply: ");
			add_said(to->reply_text, out);
			buf_adds(out, "\r\n");
		}
		if (to->tries > 1)
			buf_addf(
			    out, "    it was tried %u times\r\n", to->tries);
	}
	if (r->to_owner)
		buf_addf(out,
		    "\r\nThis letter goes to everybody here who gets mail for "
		    "%s, or to the\r\nadmin of the server if nobody here "
		    "does.\r\n",
		    r->alias);
	if (r->answered) {
		buf_addf(out,
		    "\r\n%s is attached, without the address from which it "
		    "is.\r\n\r\n-- \r\nThe mail server %s\r\n",
		    r->whole ? "The answer" : "The header of the answer",
		    r->hostname);
		return;
	}
	buf_addf(out, "\r\n%s%s message is attached.\r\n\r\n",
	    r->whole	 ? ""
	    : is_lost(r) ? "Nothing of "
			 : "The beginning of ",
	    r->whole ? (r->to_owner ? "The" : "Your")
		     : (r->to_owner ? "the" : "your"));
	buf_addf(out, "-- \r\nThe mail server %s\r\n", r->hostname);
}

/* Words of a host begin with its reply code; ours never do. */
static bool
is_reply(struct sv reply_text)
{
	return reply_text.n > 3 && reply_text.p[0] >= '2' &&
	       reply_text.p[0] <= '5' && ascii_is_digit(reply_text.p[1]) &&
	       ascii_is_digit(reply_text.p[2]) &&
	       (reply_text.p[3] == ' ' || reply_text.p[3] == '-');
}

/* [RFC 3464 2.1] per message, [2.3] per recipient */
static void
add_status(const struct report *r, struct buf *out)
{
	char code[12];
	size_t i;

	buf_addf(out, "Reporting-MTA: dns; %s\r\nArrival-Date: ", r->hostname);
	mail_date_print(r->arrived / 1000, 0, out);
	buf_adds(out, "\r\n");
	for (i = 0; i < r->nrcpt; i++) {
		const struct report_rcpt *to = &r->rcpt[i];

		report_status(to->reply_text, !r->delay, code);
		if (r->expired)
			(void)snprintf(code, sizeof code, "5.4.7");
		buf_adds(out, "\r\nFinal-Recipient: rfc822; ");
		mail_address_write(sv_str(to->address), out);
		buf_addf(out, "\r\nAction: %s\r\nStatus: %s\r\n",
		    r->delay ? "delayed" : "failed", code);
		if (to->reply_text.n > 0 && has_words(r)) {
			/* What no host has said is not SMTP [RFC 3464 2.3.6].
			 */
			buf_adds(out, is_reply(to->reply_text)
					  ? "Diagnostic-Code: smtp; "
					  : "Diagnostic-Code: X-Hearthmail; ");
			add_said(to->reply_text, out);
			buf_adds(out, "\r\n");
		}
	}
}

/* No Return-Path: that is added where it is delivered at last [RFC 5321 4.4].
 */
static void
add_header(const struct report *r, const char *boundary, const char *encoding,
    struct buf *out)
{
	size_t i;

	buf_addf(out, "From: Mail server <postmaster@%s>\r\nTo: <", r->domain);
	mail_address_write(sv_str(r->to), out);
	buf_addf(out, ">\r\nSubject: %s\r\nDate: ",
	    r->answered	  ? "An answer to a forwarded message"
	    : r->to_owner ? r->returned ? "A forwarded message has come back"
					: "A message was not forwarded"
	    : r->delay	  ? "Not delivered yet"
			  : "Your message was not delivered");
	mail_date_print(r->now / 1000, 0, out);
	buf_adds(out, "\r\nMessage-ID: <");
	for (i = 0; i < 16; i++)
		buf_addf(out, "%02x", r->id[i]);
	buf_addf(out,
	    "@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Transfer-Encoding: %s\r\n"
	    "Content-Type: %s;\r\n\tboundary=\"%s\"\r\n\r\n",
	    r->hostname, encoding,
	    r->answered ? "multipart/mixed"
			: "multipart/report; report-type=delivery-status",
	    boundary);
}

static void
add_part(const char *boundary, const char *type, const char *encoding,
    struct sv content, struct buf *out)
{
	buf_addf(out,
	    "\r\n--%s\r\nContent-Type: %s\r\n"
	    "Content-Transfer-Encoding: %s\r\n\r\n",
	    boundary, type, encoding);
	buf_addsv(out, content);
}

/* [RFC 2045 6.2]; no part may be more than what holds it says [6.4]. */
static const char *
encoding_of(struct sv bytes)
{
	size_t i;

	for (i = 0; i < bytes.n; i++)
		if ((unsigned char)bytes.p[i] > 0x7f)
			return "8bit";
	return "7bit";
}

void
report_compose(const struct report *r, struct buf *out)
{
	struct sv original = r->whole ? r->original : header_of(r->original);
	const char *encoding, *text_encoding;
	char boundary[48];
	struct buf text;
	size_t i, n;

	n = (size_t)snprintf(boundary, sizeof boundary, "report-");
	for (i = 0; i < 16; i++)
		n += (size_t)snprintf(
		    boundary + n, sizeof boundary - n, "%02x", r->id[i]);
	buf_init(&text, out->max);
	add_explanation(r, &text);
	text_encoding = encoding_of(buf_sv(&text));
	encoding = encoding_of(original);
	add_header(
	    r, boundary, encoding[0] == '8' ? encoding : text_encoding, out);
	add_part(boundary, "text/plain; charset=utf-8", text_encoding,
	    buf_sv(&text), out);
	buf_reset(&text);
	add_status(r, &text);
	if (!r->answered)
		add_part(boundary, "message/delivery-status", "7bit",
		    buf_sv(&text), out);
	if (!is_lost(r)) /* that part is optional [RFC 6522 3] */
		add_part(boundary,
		    r->whole ? "message/rfc822" : "text/rfc822-headers",
		    encoding, original, out);
	buf_fini(&text);
	buf_addf(out, "\r\n--%s--\r\n", boundary);
}
