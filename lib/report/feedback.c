#include "report/feedback.h"

#include <stdio.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/clk.h"
#include "base/utf8.h"
#include "mail/date.h"
#include "mail/path.h"

#define XML_MAX	    (8u << 20)
#define BASE64_LINE 76

/* ---- the document ---- */

static void
add_text(struct buf *out, struct sv s)
{
	uint32_t c;

	while (s.n > 0) {
		if (utf8_next(&s, &c) != RC_OK)
			c = 0xfffd;
		if (c == '&')
			buf_adds(out, "&amp;");
		else if (c == '<')
			buf_adds(out, "&lt;");
		else if (c == '>')
			buf_adds(out, "&gt;");
		else if (c >= ' ' && c != 0x7f && c < 0xfffe)
			utf8_put(out, c);
	}
}

static void
element(struct buf *out, const char *name, struct sv text)
{
	buf_addf(out, "<%s>", name);
	add_text(out, text);
	buf_addf(out, "</%s>\n", name);
}

static void
number(struct buf *out, const char *name, uint64_t n)
{
	buf_addf(out, "<%s>%llu</%s>\n", name, (unsigned long long)n, name);
}

static void
add_id(const struct feedback_due *f, const struct feedback_sender *who,
    struct buf *out)
{
	buf_addf(out, "%lld.%.*s@%s", (long long)f->begin,
	    SV_ARG(f->policy.domain), who->domain);
}

static void
add_metadata(const struct feedback_due *f, const struct feedback_sender *who,
    struct buf *out)
{
	struct buf b;

	buf_init(&b, 2048);
	buf_adds(out, "<report_metadata>\n");
	element(out, "org_name", sv_str(who->domain));
	buf_addf(&b, "postmaster@%s", who->domain);
	element(out, "email", buf_sv(&b));
	buf_reset(&b);
	add_id(f, who, &b);
	element(out, "report_id", buf_sv(&b));
	buf_adds(out, "<date_range>\n");
	number(out, "begin", (uint64_t)f->begin);
	number(out, "end", (uint64_t)f->end);
	buf_adds(out, "</date_range>\n<generator>Hearthmail</generator>\n"
		      "</report_metadata>\n");
	buf_fini(&b);
}

static void
add_policy(const struct feedback_policy *p, struct buf *out)
{
	buf_adds(out, "<policy_published>\n");
	element(out, "domain", p->domain);
	buf_adds(out, "<discovery_method>treewalk</discovery_method>\n");
	element(out, "p", p->p);
	element(out, "sp", p->sp);
	element(out, "np", p->np);
	element(out, "fo", p->fo);
	element(out, "adkim", p->adkim);
	element(out, "aspf", p->aspf);
	element(out, "testing", p->testing ? SV("y") : SV("n"));
	buf_adds(out, "</policy_published>\n");
}

static void
add_results(const struct feedback_row *r, struct buf *out)
{
	uint32_t i;

	buf_adds(out, "<auth_results>\n");
	for (i = 0; i < r->ndkim; i++) {
		buf_adds(out, "<dkim>\n");
		element(out, "domain", r->dkim[i].domain);
		element(out, "selector", r->dkim[i].selector);
		element(out, "result", r->dkim[i].result);
		buf_adds(out, "</dkim>\n");
	}
	if (r->spf_domain.n > 0) {
		buf_adds(out, "<spf>\n");
		element(out, "domain", r->spf_domain);
		buf_adds(out, "<scope>mfrom</scope>\n");
		element(out, "result", r->spf_result);
		buf_adds(out, "</spf>\n");
	}
	buf_adds(out, "</auth_results>\n");
}

static void
add_row(const struct feedback_row *r, struct buf *out)
{
	static const struct sv done[] = {
	    SV("none"), SV("quarantine"), SV("reject"), SV("none")};

	buf_adds(out, "<record>\n<row>\n");
	element(out, "source_ip", r->address);
	number(out, "count", r->count);
	buf_adds(out, "<policy_evaluated>\n");
	element(out, "disposition", done[r->done]);
	element(out, "dkim", r->dkim_aligned ? SV("pass") : SV("fail"));
	element(out, "spf", r->spf_aligned ? SV("pass") : SV("fail"));
	if (r->reason.n > 0) {
		buf_adds(out, "<reason>\n");
		element(out, "type", r->reason);
		buf_adds(out, "</reason>\n");
	}
	buf_adds(out, "</policy_evaluated>\n</row>\n<identifiers>\n");
	element(out, "header_from", r->author);
	element(out, "envelope_from", r->envelope);
	buf_adds(out, "</identifiers>\n");
	add_results(r, out);
	buf_adds(out, "</record>\n");
}

void
feedback_xml(const struct feedback_due *f, const struct feedback_sender *who,
    struct buf *out)
{
	uint32_t i;

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
		      "<version>1.0</version>\n");
	add_metadata(f, who, out);
	add_policy(&f->policy, out);
	for (i = 0; i < f->nrow; i++)
		add_row(&f->row[i], out);
	buf_adds(out, "</feedback>\n");
}

/* ---- what may be written ---- */

/* Exactly as mail_path_plain has it: no control characters, no blanks out of
 * quotes, nothing in front or behind. */
static bool
is_address(struct sv s)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct mail_path path;
	struct sv whole = s;
	struct buf plain;
	bool same;

	if (s.n == 0 || s.n >= REPORT_TEXT_MAX ||
	    mail_path_parse(&whole, &lim, false, &path) != RC_OK ||
	    whole.n > 0 || path.domain.n == 0 || path.domain.p[0] == '[')
		return false;
	buf_init(&plain, 2 * REPORT_TEXT_MAX);
	mail_path_plain(&path, &plain);
	same = buf_ok(&plain) && sv_eq(buf_sv(&plain), s);
	buf_fini(&plain);
	return same;
}

/* A name at which there could be an address. */
static bool
is_domain(struct sv s)
{
	struct buf b;
	bool yes;

	buf_init(&b, REPORT_TEXT_MAX);
	buf_adds(&b, "x@");
	buf_addsv(&b, s);
	yes = buf_ok(&b) && sv_chr(s, '@') == s.n && is_address(buf_sv(&b));
	buf_fini(&b);
	return yes;
}

bool
feedback_is_sound(const struct feedback_due *f)
{
	uint32_t i;

	if (!is_domain(f->policy.domain) || f->nto > FEEDBACK_TO_MAX)
		return false;
	for (i = 0; i < f->nto && is_address(f->to[i]); i++)
		;
	return i == f->nto;
}

/* ---- the mail ---- */

static void
add_packed(struct sv text, struct buf *out)
{
	z_stream z = {
	    .next_in = (const Bytef *)text.p, .avail_in = (uInt)text.n};
	struct buf packed, lines;
	struct sv rest;
	uLong most;

	/* 16: gzip */
	must(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8,
		 Z_DEFAULT_STRATEGY) == Z_OK);
	most = deflateBound(&z, text.n);
	buf_init(&packed, most + 1);
	buf_init(&lines, 2 * most + 16);
	z.next_out = (Bytef *)buf_reserve(&packed, most);
	z.avail_out = (uInt)most;
	must(z.next_out != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END);
	buf_added(&packed, z.total_out);
	(void)deflateEnd(&z);
	base64_encode(buf_sv(&packed), &lines);
	for (rest = buf_sv(&lines); rest.n > 0;
	     rest = sv_skip(rest, BASE64_LINE)) {
		buf_addsv(out, sv_first(rest, BASE64_LINE));
		buf_adds(out, "\r\n");
	}
	buf_fini(&lines);
	buf_fini(&packed);
}

/* Lines are short enough for any domain that there is [RFC 9990 3.5.2]. */
static void
add_header(const struct feedback_due *f, const struct feedback_sender *who,
    struct sv to, const char *hex, struct buf *out)
{
	buf_adds(out, "Date: ");
	mail_date_print(who->now, 0, out);
	buf_addf(out, "\r\nFrom: DMARC reports <postmaster@%s>\r\nTo: <",
	    who->domain);
	mail_address_write(to, out);
	buf_addf(out,
	    ">\r\nSubject: Report Domain: %.*s\r\n Submitter: %s\r\n "
	    "Report-ID: <",
	    SV_ARG(f->policy.domain), who->domain);
	add_id(f, who, out);
	buf_addf(out,
	    ">\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"=_%s\"\r\n\r\n",
	    hex, who->hostname, hex);
}

int
feedback_mail(const struct feedback_due *f, const struct feedback_sender *who,
    struct sv to, struct buf *out)
{
	char hex[33];
	struct clk_tm t;
	struct buf xml;
	size_t i;

	if (!is_domain(f->policy.domain) || !is_address(to))
		return RC_SYNTAX;
	for (i = 0; i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", who->id[i]);
	clk_civil(f->begin, &t);
	buf_init(&xml, XML_MAX);
	feedback_xml(f, who, &xml);
	add_header(f, who, to, hex, out);
	buf_addf(out,
	    "--=_%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
	    "What %s saw on %04d-%02d-%02d (UTC) of mail from\r\n%.*s: a DMARC "
	    "aggregate report (RFC 9990), as\r\nthe DMARC record of that "
	    "domain asks for.\r\n\r\n",
	    hex, who->hostname, t.year, t.month, t.day,
	    SV_ARG(f->policy.domain));
	buf_addf(out,
	    "--=_%s\r\nContent-Type: application/gzip\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Disposition: attachment;\r\n"
	    " filename=\"%s!%.*s!%lld!%lld.xml.gz\"\r\n\r\n",
	    hex, who->domain, SV_ARG(f->policy.domain), (long long)f->begin,
	    (long long)f->end);
	add_packed(buf_sv(&xml), out);
	buf_addf(out, "--=_%s--\r\n", hex);
	buf_fini(&xml);
	return buf_ok(out) ? RC_OK : RC_TOOBIG;
}

/* ---- who asks for them ---- */

/* "%21" and the like [RFC 3986 2.1]; false: one that is none. */
static bool
decode(struct sv s, struct buf *out)
{
	while (s.n > 0) {
		if (s.p[0] != '%') {
			buf_addc(out, s.p[0]);
			s = sv_skip(s, 1);
			continue;
		}
		if (s.n < 3 || ascii_hex(s.p[1]) < 0 || ascii_hex(s.p[2]) < 0)
			return false;
		buf_addc(
		    out, (char)(ascii_hex(s.p[1]) << 4 | ascii_hex(s.p[2])));
		s = sv_skip(s, 3);
	}
	return true;
}

bool
feedback_next_uri(struct sv *list, bool *usable, struct buf *out)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct mail_path path;
	struct sv uri, whole;
	struct buf text;

	*usable = false;
	if (list->n == 0)
		return false;
	uri = sv_trim(sv_split(list, ','));
	if (!sv_istarts(uri, SV("mailto:")))
		return true;
	uri = sv_skip(uri, 7);
	uri = sv_first(uri, sv_chr(uri, '?'));
	uri = sv_first(uri, sv_chr(uri, '!'));
	buf_init(&text, 2 * MAIL_ADDRESS_MAX);
	*usable = decode(uri, &text);
	whole = buf_sv(&text);
	*usable = *usable && buf_ok(&text) &&
		  mail_path_parse(&whole, &lim, false, &path) == RC_OK &&
		  whole.n == 0 && path.domain.n > 0 &&
		  path.domain.p[0] != '[' && path.mailbox.n < REPORT_TEXT_MAX;
	if (*usable)
		mail_path_plain(&path, out);
	buf_fini(&text);
	return true;
}
