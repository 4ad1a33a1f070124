#include "report/dmarc_xml.h"

#include <expat.h>
#include <sodium.h>

#include "base/ascii.h"
#include "base/plural.h"
#include "base/utf8.h"
#include "mail/domain.h"
#include "report/text.h"

#define LEAF_MAX 1024 /* bytes of a text that are looked at */

/* ---- elements ---- */

enum element {
	E_NONE, /* outside of all */
	E_FEEDBACK,
	E_METADATA,
	E_DATE_RANGE,
	E_POLICY,
	E_EXTENSION,
	E_RECORD,
	E_ROW,
	E_EVALUATED,
	E_REASON,
	E_IDENTIFIERS,
	E_AUTH,
	E_DKIM,
	E_SPF,
	/* texts */
	E_ORG,
	E_EMAIL,
	E_ID,
	E_ERROR,
	E_BEGIN,
	E_END,
	E_DOMAIN,
	E_P,
	E_SP,
	E_SOURCE_IP,
	E_COUNT,
	E_DISPOSITION,
	E_DKIM_ALIGNED,
	E_SPF_ALIGNED,
	E_REASON_TYPE,
	E_REASON_COMMENT,
	E_HEADER_FROM,
	E_DKIM_DOMAIN,
	E_DKIM_RESULT,
	E_SPF_DOMAIN,
	E_SPF_RESULT,
	E_COUNT_OF
};

static const struct {
	enum element parent;
	const char *name;
	enum element is;
} elements[] = {
    {E_NONE, "feedback", E_FEEDBACK},
    {E_FEEDBACK, "report_metadata", E_METADATA},
    {E_FEEDBACK, "policy_published", E_POLICY},
    {E_FEEDBACK, "extension", E_EXTENSION},
    {E_FEEDBACK, "record", E_RECORD},
    {E_METADATA, "org_name", E_ORG},
    {E_METADATA, "email", E_EMAIL},
    {E_METADATA, "report_id", E_ID},
    {E_METADATA, "error", E_ERROR},
    {E_METADATA, "date_range", E_DATE_RANGE},
    {E_DATE_RANGE, "begin", E_BEGIN},
    {E_DATE_RANGE, "end", E_END},
    {E_POLICY, "domain", E_DOMAIN},
    {E_POLICY, "p", E_P},
    {E_POLICY, "sp", E_SP},
    {E_RECORD, "row", E_ROW},
    {E_RECORD, "identifiers", E_IDENTIFIERS},
    {E_RECORD, "identities", E_IDENTIFIERS}, /* of early drafts */
    {E_RECORD, "auth_results", E_AUTH},
    {E_ROW, "source_ip", E_SOURCE_IP},
    {E_ROW, "count", E_COUNT},
    {E_ROW, "policy_evaluated", E_EVALUATED},
    {E_EVALUATED, "disposition", E_DISPOSITION},
    {E_EVALUATED, "dkim", E_DKIM_ALIGNED},
    {E_EVALUATED, "spf", E_SPF_ALIGNED},
    {E_EVALUATED, "reason", E_REASON},
    {E_REASON, "type", E_REASON_TYPE},
    {E_REASON, "comment", E_REASON_COMMENT},
    {E_IDENTIFIERS, "header_from", E_HEADER_FROM},
    {E_AUTH, "dkim", E_DKIM},
    {E_AUTH, "spf", E_SPF},
    {E_DKIM, "domain", E_DKIM_DOMAIN},
    {E_DKIM, "result", E_DKIM_RESULT},
    {E_SPF, "domain", E_SPF_DOMAIN},
    {E_SPF, "result", E_SPF_RESULT},
};

static enum element
find_element(enum element parent, const char *name)
{
	struct sv s = sv_str(name);
	size_t colon = sv_rchr(s, ':'), i;

	if (colon < s.n)
		s = sv_skip(s, colon + 1);
	for (i = 0; i < sizeof elements / sizeof elements[0]; i++)
		if (elements[i].parent == parent &&
		    sv_ieq(s, sv_str(elements[i].name)))
			return elements[i].is;
	return E_NONE;
}

/* ---- one document ---- */

#define DEPTH_MAX 64

struct reading {
	struct report_builder *b;
	XML_Parser parser;
	enum element path[DEPTH_MAX]; /* an unknown one is as what is around */
	uint32_t depth;
	struct buf text; /* of the innermost element */
	bool root;	 /* it is a report */
	bool ended;	 /* and has come to its end */
	int rc;		 /* why it was stopped */
	struct err *err;
	uint32_t records, without_count;
	/* The record that is being read; its texts are in record_texts. */
	struct {
		struct arena texts;
		struct sv field[E_COUNT_OF];
		struct sv dkim_domain, dkim_result; /* the best so far */
		struct sv spf_domain, spf_result;
	} record;
};

static void __attribute__((format(printf, 3, 4)))
stop(struct reading *x, int rc, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (x->rc != RC_OK)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	x->rc = err_set(x->err, rc, "%s", text);
	(void)XML_StopParser(x->parser, XML_FALSE);
}

/* ---- a record ---- */

static bool
are_related(struct sv a, struct sv b)
{
	return mail_domain_is_within(a, b) || mail_domain_is_within(b, a);
}

/* Of several signatures the one that tells most [RFC 9990 3.1.3]. */
static unsigned
worth(struct sv domain, struct sv result, struct sv author)
{
	unsigned w = sv_ieq(result, SV("pass")) ? 4 : 0;

	if (sv_ieq(domain, author))
		return w + 3;
	return w + (are_related(domain, author) ? 2 : domain.n > 0);
}

static void
end_dkim(struct reading *x)
{
	struct sv author = x->record.field[E_HEADER_FROM];
	struct sv d = x->record.field[E_DKIM_DOMAIN];
	struct sv r = x->record.field[E_DKIM_RESULT];

	if (x->record.dkim_result.p == NULL ||
	    worth(d, r, author) >
		worth(x->record.dkim_domain, x->record.dkim_result, author)) {
		x->record.dkim_domain = d;
		x->record.dkim_result = r.p != NULL ? r : SV("");
	}
	x->record.field[E_DKIM_DOMAIN] = SV("");
	x->record.field[E_DKIM_RESULT] = SV("");
}

/* Some tell of HELO, too, before or behind: what says more stays. */
static void
end_spf(struct reading *x)
{
	struct sv r = x->record.field[E_SPF_RESULT];

	if (x->record.spf_domain.n == 0 || sv_ieq(r, SV("pass"))) {
		x->record.spf_domain = x->record.field[E_SPF_DOMAIN];
		x->record.spf_result = r;
	}
	x->record.field[E_SPF_DOMAIN] = SV("");
	x->record.field[E_SPF_RESULT] = SV("");
}

static enum report_done
done_of(struct sv s)
{
	if (sv_ieq(s, SV("none")) || sv_ieq(s, SV("pass")))
		return REPORT_DONE_NOTHING;
	if (sv_ieq(s, SV("quarantine")))
		return REPORT_DONE_JUNK;
	return sv_ieq(s, SV("reject")) ? REPORT_DONE_REFUSED
				       : REPORT_DONE_UNKNOWN;
}

/* What they found, or if they do not say, what follows from the results. */
static bool
is_aligned(struct sv said, struct sv domain, struct sv result, struct sv author)
{
	if (said.n > 0)
		return sv_ieq(said, SV("pass"));
	return sv_ieq(result, SV("pass")) && are_related(domain, author);
}

static void
end_record(struct reading *x)
{
	const struct sv *f = x->record.field;
	struct report_source s = {
	    .address = f[E_SOURCE_IP],
	    .author = f[E_HEADER_FROM],
	    .done = (uint8_t)done_of(f[E_DISPOSITION]),
	    .dkim_domain = x->record.dkim_domain,
	    .dkim_result = x->record.dkim_result,
	    .spf_domain = x->record.spf_domain,
	    .spf_result = x->record.spf_result,
	    .reason = f[E_REASON_COMMENT].n > 0 &&
			      !sv_ieq(f[E_REASON_COMMENT], SV("none"))
			  ? f[E_REASON_COMMENT]
			  : f[E_REASON_TYPE],
	};

	s.dkim_aligned = is_aligned(
	    f[E_DKIM_ALIGNED], s.dkim_domain, s.dkim_result, s.author);
	s.spf_aligned =
	    is_aligned(f[E_SPF_ALIGNED], s.spf_domain, s.spf_result, s.author);
	if (x->b->r.domain.n == 0)
		x->b->r.domain = report_domain(x->b, s.author);
	if (sv_to_u64(f[E_COUNT], INT64_MAX, &s.count) != RC_OK)
		x->without_count++;
	else if (s.count > 0)
		report_add_source(x->b, &s);
}

static void
begin_record(struct reading *x)
{
	if (++x->records > x->b->limits->records)
		stop(x, RC_TOOBIG, "it has more than %u records",
		    x->b->limits->records);
	arena_reset(&x->record.texts);
	memset(x->record.field, 0, sizeof x->record.field);
	x->record.dkim_domain = x->record.dkim_result = (struct sv){NULL, 0};
	x->record.spf_domain = x->record.spf_result = (struct sv){NULL, 0};
}

/* ---- what expat finds ---- */

static void
end_text(struct reading *x, enum element e)
{
	struct report_record *r = &x->b->r;
	struct sv s = sv_trim(buf_sv(&x->text));

	if (e == E_ORG)
		r->org = report_text(x->b, s);
	else if (e == E_EMAIL)
		r->contact = report_text(x->b, s);
	else if (e == E_ID)
		r->id = report_text(x->b, s);
	else if (e == E_ERROR && s.n > 0)
		report_trouble(x->b, "they say: %.*s", SV_ARG(s));
	else if (e == E_BEGIN)
		r->begin = report_time(s);
	else if (e == E_END)
		r->end = report_time(s);
	else if (e == E_DOMAIN)
		r->domain = report_domain(x->b, s);
	else if (e == E_P)
		r->policy = report_domain(x->b, s);
	else if (e == E_SP)
		r->sub_policy = report_domain(x->b, s);
	else if (e >= E_SOURCE_IP)
		x->record.field[e] = arena_dup(&x->record.texts, s);
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *x = arg;
	enum element outer = x->depth > 0 ? x->path[x->depth - 1] : E_NONE;
	enum element e = find_element(outer, name);

	(void)attributes;
	if (x->depth == 0 && e != E_FEEDBACK) {
		stop(x, RC_NOTFOUND, "it is not a DMARC report");
		return;
	}
	x->root = true;
	if (x->depth >= x->b->limits->depth || x->depth >= DEPTH_MAX) {
		stop(x, RC_TOOBIG, "its elements are nested more than %u deep",
		    x->b->limits->depth);
		return;
	}
	if (e == E_RECORD)
		begin_record(x);
	x->path[x->depth++] = e != E_NONE ? e : outer;
	buf_reset(&x->text);
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
	struct reading *x = arg;
	enum element outer, e;

	if (x->depth == 0)
		return;
	e = x->path[--x->depth];
	x->ended = x->depth == 0;
	outer = x->depth > 0 ? x->path[x->depth - 1] : E_NONE;
	/* An unknown element's end is not that of what is around it. */
	if (find_element(outer, name) != e)
		return;
	if (e == E_RECORD)
		end_record(x);
	else if (e == E_DKIM)
		end_dkim(x);
	else if (e == E_SPF)
		end_spf(x);
	else
		end_text(x, e);
	buf_reset(&x->text);
}

static void XMLCALL
on_text(void *arg, const XML_Char *s, int n)
{
	struct reading *x = arg;
	size_t room = LEAF_MAX - x->text.n;

	buf_add(&x->text, s, (size_t)n < room ? (size_t)n : room);
}

static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int has_internal_subset)
{
	struct reading *x = arg;

	(void)sysid;
	(void)pubid;
	(void)has_internal_subset;
	if (sv_ieq(sv_str(name), SV("html")))
		stop(x, RC_NOTFOUND, "it is not a DMARC report");
	else
		stop(x, RC_DENIED,
		    "it has a document type, which could define entities");
}

static void XMLCALL
on_entity(void *arg, const XML_Char *name, int is_parameter,
    const XML_Char *value, int length, const XML_Char *base,
    const XML_Char *sysid, const XML_Char *pubid, const XML_Char *notation)
{
	(void)name;
	(void)is_parameter;
	(void)value;
	(void)length;
	(void)base;
	(void)sysid;
	(void)pubid;
	(void)notation;
	stop(arg, RC_DENIED, "it defines an entity");
}

/* ---- what real senders send ---- */

/* "#65;" or "#x41;", behind the "#": of a character that XML has */
static bool
is_character(struct sv s)
{
	uint64_t cp = 0;
	unsigned base = 10;
	size_t i = 0;
	int d;

	if (s.n > 0 && s.p[0] == 'x') {
		base = 16;
		s = sv_skip(s, 1);
	}
	for (; i < s.n && i < 9 && (d = ascii_hex(s.p[i])) >= 0 &&
	       (unsigned)d < base;
	     i++)
		cp = cp * base + (unsigned)d;
	if (i == 0 || i == s.n || s.p[i] != ';')
		return false;
	if (cp < ' ')
		return cp == '\t' || cp == '\n' || cp == '\r';
	return cp < 0xd800 ||
	       (cp > 0xdfff && cp < 0x110000 && cp != 0xfffe && cp != 0xffff);
}

/* Does "&..." begin a reference that needs no definition? */
static bool
is_reference(struct sv s)
{
	static const struct sv names[] = {
	    SV("&amp;"), SV("&lt;"), SV("&gt;"), SV("&quot;"), SV("&apos;")};
	size_t i;

	if (sv_starts(s, SV("&#")))
		return is_character(sv_skip(s, 2));
	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (sv_starts(s, names[i]))
			return true;
	return false;
}

static bool
is_name_start(char c)
{
	return ascii_is_alpha(c) || c == '_' || c == ':' ||
	       (unsigned char)c >= 0x80;
}

/* Does "<..." begin a tag or a declaration?  Some write an address in angles
 * as it is. */
static bool
is_tag(struct sv s)
{
	size_t i = 1;

	if (i < s.n && (s.p[i] == '/' || s.p[i] == '!'))
		i++;
	if (i == s.n)
		return true;
	if (!is_name_start(s.p[i]))
		return false;
	while (i < s.n && (is_name_start(s.p[i]) || ascii_is_digit(s.p[i]) ||
			      s.p[i] == '.' || s.p[i] == '-'))
		i++;
	return i == s.n || ascii_is_blank(s.p[i]) || s.p[i] == '\r' ||
	       s.p[i] == '\n' || s.p[i] == '>' || s.p[i] == '/';
}

/* What has other rules than text and tags; n bytes with its end, or all. */
static size_t
section(struct sv s, struct sv begin, struct sv end)
{
	size_t n;

	if (!sv_starts(s, begin))
		return 0;
	n = begin.n + sv_find(sv_skip(s, begin.n), end);
	return s.n - n > end.n ? n + end.n : s.n;
}

/* Are bytes above ASCII characters of a charset of one byte?  What matters of a
 * report is ASCII: all such charsets are taken for Latin-1.  Some write UTF-8
 * and call it UTF-16. */
static bool
says_latin(struct sv s)
{
	static const struct sv not_so[] = {SV("utf"), SV("ascii"), SV("ucs"),
	    SV("10646"), SV("\"\""), SV("''")};
	struct sv head = sv_first(s, section(s, SV("<?"), SV("?>"))), value;
	size_t i;

	value = sv_skip(head, sv_ifind(head, SV("encoding")));
	for (i = 0; i < sizeof not_so / sizeof not_so[0]; i++)
		if (sv_ifind(value, not_so[i]) < value.n)
			return false;
	return value.n > 0;
}

/* One character off *s; NUL and the like are blanks. */
static void
mend_char(struct sv *s, bool latin, struct buf *out)
{
	unsigned char c = (unsigned char)s->p[0];
	uint32_t cp = c;

	if (c >= 0x80 && !latin) {
		if (utf8_next(s, &cp) != RC_OK || cp == 0xfffe || cp == 0xffff)
			cp = '?';
	} else {
		*s = sv_skip(*s, 1);
		if (c < ' ' && c != '\t' && c != '\r' && c != '\n')
			cp = ' ';
	}
	utf8_put(out, cp);
}

/* The document as UTF-8, with what breaks parsers for nothing taken out:
 * comments, and declarations, of which only the charset counts. */
static void
mend(struct sv s, bool latin, struct buf *out)
{
	struct sv part;
	size_t n;

	while (s.n > 0 && buf_ok(out)) {
		if ((n = section(s, SV("<![CDATA["), SV("]]>"))) > 0) {
			for (part = sv_first(s, n); part.n > 0;)
				mend_char(&part, latin, out);
		} else if ((n = section(s, SV("<!--"), SV("-->"))) > 0 ||
			   (n = section(s, SV("<?"), SV("?>"))) > 0) {
			for (part = sv_first(s, n); part.n > 0;
			     part = sv_skip(part, 1))
				if (part.p[0] == '\n')
					buf_addc(out, '\n');
		} else if (!latin && sv_starts(s, SV("\xef\xbb\xbf"))) {
			n = 3; /* a mark in the middle of it */
		} else if (s.p[0] == '&' && !is_reference(s)) {
			buf_adds(out, "&amp;");
			n = 1;
		} else if (s.p[0] == '<' && !is_tag(s)) {
			buf_adds(out, "&lt;");
			n = 1;
		} else if (s.p[0] == '>' && sv_ends(buf_sv(out), SV("]]"))) {
			buf_adds(out, "&gt;");
			n = 1;
		} else {
			mend_char(&s, latin, out);
		}
		s = sv_skip(s, n);
	}
}

static void
mend_all(struct sv document, struct buf *out)
{
	struct buf plain;

	if (!report_text_is_utf16(document)) {
		document = report_text_begin(document);
		mend(document, says_latin(document), out);
		return;
	}
	/* Two bytes become three at most. */
	buf_init(&plain, document.n * 2 + 4);
	report_text_from_utf16(document, &plain);
	mend(report_text_begin(buf_sv(&plain)), false, out);
	buf_fini(&plain);
}

/* ---- all of it ---- */

static XML_Parser
new_parser(struct reading *x)
{
	XML_Parser p = XML_ParserCreate("UTF-8");
	unsigned long salt = 1;

	must(p != NULL);
	randombytes_buf(&salt, sizeof salt);
	(void)XML_SetHashSalt(p, salt | 1);
	XML_SetUserData(p, x);
	XML_SetElementHandler(p, on_start, on_end);
	XML_SetCharacterDataHandler(p, on_text);
	XML_SetStartDoctypeDeclHandler(p, on_doctype);
	XML_SetEntityDeclHandler(p, on_entity);
	return p;
}

/* The whole is a report, if perhaps not all of it can be read. */
static int
conclude(struct reading *x, struct sv doc, bool whole)
{
	struct report_record *r = &x->b->r;
	struct sv rest;

	if (x->rc != RC_OK)
		return x->rc;
	if (!x->root)
		return err_set(x->err, RC_NOTFOUND, "it is not XML");
	if (!whole && !x->ended && r->nsource == 0)
		return err_set(x->err, RC_SYNTAX, "its XML is damaged: %s",
		    XML_ErrorString(XML_GetErrorCode(x->parser)));
	if (r->org.n == 0 && r->contact.n == 0 && r->domain.n == 0)
		return err_set(x->err, RC_SYNTAX,
		    "it says neither who sends it nor what it is about");
	rest = sv_skip(doc, (size_t)XML_GetCurrentByteIndex(x->parser));
	/* Whatever else is behind a report says nothing. */
	if (!whole && x->ended && sv_ifind(rest, SV("<feedback")) < rest.n)
		report_trouble(
		    x->b, "another report follows in the same file: not read");
	if (!whole && !x->ended)
		report_trouble(x->b,
		    "it breaks off after %u record%s (line %lu: %s)",
		    x->records, plural(x->records),
		    (unsigned long)XML_GetCurrentLineNumber(x->parser),
		    XML_ErrorString(XML_GetErrorCode(x->parser)));
	if (x->without_count > 0)
		report_trouble(x->b,
		    "%u of its records have no valid number of mails and are "
		    "left out",
		    x->without_count);
	return RC_OK;
}

int
dmarc_xml_read(struct report_builder *b, struct sv document, struct err *err)
{
	struct reading x = {.b = b, .rc = RC_OK, .err = err};
	struct buf doc;
	bool whole;
	int r;

	b->r.kind = REPORT_DMARC;
	if (document.n > b->limits->unpacked)
		return err_set(err, RC_TOOBIG, "it has more than %zu bytes",
		    b->limits->unpacked);
	buf_init(&doc, 2 * b->limits->unpacked);
	mend_all(document, &doc);
	if (!buf_ok(&doc)) {
		buf_fini(&doc);
		return err_set(err, RC_TOOBIG, "it has more than %zu bytes",
		    b->limits->unpacked);
	}
	buf_init(&x.text, LEAF_MAX);
	arena_init(&x.record.texts);
	x.parser = new_parser(&x);
	must(doc.n <= INT32_MAX);
	whole = XML_Parse(x.parser, doc.p, (int)doc.n, 1) == XML_STATUS_OK;
	r = conclude(&x, buf_sv(&doc), whole);
	XML_ParserFree(x.parser);
	arena_reset(&x.record.texts);
	buf_fini(&x.text);
	buf_fini(&doc);
	return r;
}
