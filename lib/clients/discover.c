/* Outlook: plain old XML [MS-OXDSCLI], and the JSON that leads to it. */
#include <expat.h>
#include <stdio.h>

#include <sodium.h>

#include "base/ascii.h"
#include "base/clk.h"
#include "base/utf8.h"
#include "clients/clients.h"
#include "clients/xml.h"

#define RESPONSE_SCHEMA                                       \
	"http://schemas.microsoft.com/exchange/autodiscover/" \
	"responseschema/2006"
#define OUTLOOK_SCHEMA                                                \
	"http://schemas.microsoft.com/exchange/autodiscover/outlook/" \
	"responseschema/2006a"
#define DEPTH_MAX 16
#define TEXT_MAX  512

/* ---- the question ---- */

struct question {
	struct buf address;
	bool wants_outlook, wants_other; /* form of the answer */
};

struct reading {
	struct question *q;
	XML_Parser parser;
	unsigned depth;
	bool leaf; /* no element has ended or begun since the last began */
	bool bad;
	struct buf text;
};

static void
stop(struct reading *r)
{
	r->bad = true;
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static struct sv
local_name(const char *name)
{
	struct sv s = sv_str(name);
	size_t colon = sv_rchr(s, ':');

	return colon < s.n ? sv_skip(s, colon + 1) : s;
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reading *r = arg;

	(void)attributes;
	if (r->depth == 0 && !sv_ieq(local_name(name), SV("Autodiscover")))
		stop(r);
	else if (++r->depth > DEPTH_MAX)
		stop(r);
	r->leaf = true;
	buf_reset(&r->text);
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
	struct reading *r = arg;
	struct sv what = local_name(name), text = sv_trim(buf_sv(&r->text));

	r->depth--;
	if (r->leaf && sv_ieq(what, SV("EMailAddress"))) {
		buf_set(&r->q->address, text);
	} else if (r->leaf && sv_ieq(what, SV("AcceptableResponseSchema"))) {
		r->q->wants_outlook |= sv_ieq(text, SV(OUTLOOK_SCHEMA));
		r->q->wants_other |= !sv_ieq(text, SV(OUTLOOK_SCHEMA));
	}
	r->leaf = false;
	buf_reset(&r->text);
}

static void XMLCALL
on_text(void *arg, const XML_Char *s, int n)
{
	struct reading *r = arg;

	buf_add(&r->text, s, (size_t)n);
	if (!buf_ok(&r->text))
		stop(r);
}

/* A document type, and with it every entity. */
static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int internal)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)internal;
	stop(arg);
}

static bool
read_xml(struct sv body, struct question *q)
{
	struct reading r = {.q = q};
	unsigned long salt = 1;
	bool whole;

	r.parser = XML_ParserCreate(NULL);
	must(r.parser != NULL);
	randombytes_buf(&salt, sizeof salt);
	(void)XML_SetHashSalt(r.parser, salt | 1);
	buf_init(&r.text, TEXT_MAX);
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
	whole = XML_Parse(r.parser, body.p, (int)body.n, 1) == XML_STATUS_OK;
	XML_ParserFree(r.parser);
	buf_fini(&r.text);
	return whole && !r.bad;
}

/* As far as an answer can say it: it need not exist. */
static bool
is_address(struct sv a)
{
	size_t at = sv_rchr(a, '@');
	struct sv rest = a;
	uint32_t cp;

	if (at == 0 || at + 1 >= a.n || a.n > CLIENTS_ADDRESS_MAX)
		return false;
	while (rest.n > 0)
		if (utf8_next(&rest, &cp) != RC_OK || cp <= ' ' ||
		    (cp >= 0x7f && cp <= 0xa0))
			return false;
	return true;
}

/* ---- the answer ---- */

static void
put_protocol(struct xml *x, const struct clients_server *s, const char *type,
    const struct clients_port *p, struct sv address)
{
	xml_open(x, "Protocol", NULL);
	xml_leaf(x, "Type", sv_str(type));
	xml_leaf(x, "Server", sv_str(s->hostname));
	xml_leafu(x, "Port", p->number);
	xml_leaf(x, "DomainRequired", SV("off"));
	xml_leaf(x, "LoginName", address);
	xml_leaf(x, "SPA", SV("off"));
	/* Encryption overrides SSL, and TLS in it means STARTTLS. */
	xml_leaf(x, "SSL", SV("on"));
	xml_leaf(x, "Encryption", p->implicit ? SV("SSL") : SV("TLS"));
	xml_leaf(x, "AuthRequired", SV("on"));
	if (sv_eq(sv_str(type), SV("SMTP"))) {
		xml_leaf(x, "UsePOPAuth", SV("on"));
		xml_leaf(x, "SMTPLast", SV("off"));
	}
	xml_close(x);
}

/* Of each protocol one: Outlook takes the last of several, others the
 * first. */
static bool
put_settings(const struct clients_server *s, struct sv address, struct buf *out)
{
	static const struct {
		enum clients_protocol protocol;
		const char *type;
	} order[] = {
	    {CLIENTS_IMAP, "IMAP"},
	    {CLIENTS_POP3, "POP3"},
	    {CLIENTS_SUBMISSION, "SMTP"},
	};
	struct xml x;
	size_t i;

	xml_begin(&x, out, NULL);
	xml_open_with(&x, "Autodiscover", "xmlns", SV(RESPONSE_SCHEMA));
	xml_open_with(&x, "Response", "xmlns", SV(OUTLOOK_SCHEMA));
	xml_open(&x, "User", NULL);
	xml_leaf(&x, "DisplayName", address);
	xml_close(&x);
	xml_open(&x, "Account", NULL);
	xml_leaf(&x, "AccountType", SV("email"));
	xml_leaf(&x, "Action", SV("settings"));
	for (i = 0; i < sizeof order / sizeof order[0]; i++) {
		const struct clients_port *p = s->port[order[i].protocol];

		if (p->number != 0)
			put_protocol(&x, s, order[i].type, p, address);
	}
	return xml_end(&x);
}

static void
put_error(unsigned code, const char *text, int64_t now, struct buf *out)
{
	char attributes[64];
	struct clk_tm t;
	struct xml x;

	clk_civil(now / 1000, &t);
	(void)snprintf(attributes, sizeof attributes,
	    "Time=\"%02d:%02d:%02d.%03d0000\" Id=\"%u\"", t.hour, t.minute,
	    t.second, (int)(now % 1000), (unsigned)(now & 0x7fffffff));
	xml_begin(&x, out, NULL);
	xml_open_with(&x, "Autodiscover", "xmlns", SV(RESPONSE_SCHEMA));
	xml_open(&x, "Response", NULL);
	xml_open(&x, "Error", attributes);
	xml_leafu(&x, "ErrorCode", code);
	xml_leaf(&x, "Message", sv_str(text));
	xml_empty(&x, "DebugData");
	(void)xml_end(&x);
}

/* Mail can be read and written there. */
static bool
is_useful(const struct clients_server *s)
{
	return s->port[CLIENTS_SUBMISSION][0].number != 0 &&
	       (s->port[CLIENTS_IMAP][0].number != 0 ||
		   s->port[CLIENTS_POP3][0].number != 0);
}

void
clients_discover(const struct clients_server *s, struct sv body, int64_t now,
    struct buf *out)
{
	struct question q = {.wants_outlook = false};
	bool good, done = false;

	buf_init(&q.address, TEXT_MAX);
	/* Some begin with a line end, which no declaration may follow. */
	while (body.n > 0 && sv_chr(SV(" \t\r\n"), body.p[0]) < 4)
		body = sv_skip(body, 1);
	good = body.n > 0 && body.n <= CLIENTS_BODY_MAX && read_xml(body, &q);
	if (good && ((q.wants_other && !q.wants_outlook) || !is_useful(s))) {
		put_error(601, "Provider is not available", now, out);
		done = true;
	} else if (good && is_address(buf_sv(&q.address))) {
		done = put_settings(s, buf_sv(&q.address), out);
		if (!done)
			buf_reset(out);
	}
	if (!done)
		put_error(600, "Invalid Request", now, out);
	buf_fini(&q.address);
}

/* ---- version 2 ---- */

unsigned
clients_discover_json(
    const struct clients_server *s, struct sv query, struct buf *out)
{
	struct buf protocol;
	unsigned status = 200;
	int r;

	buf_init(&protocol, 64);
	r = clients_query(query, "Protocol", &protocol);
	if (r != RC_OK || protocol.n == 0) {
		status = 400;
		buf_adds(out,
		    "{\"ErrorCode\":\"MandatoryParameterMissing\","
		    "\"ErrorMessage\":\"A valid value must be provided for the "
		    "query parameter 'Protocol'\"}\n");
	} else if (!s->web ||
		   !sv_ieq(buf_sv(&protocol), SV("AutodiscoverV1"))) {
		/* It is not echoed: nothing is to be escaped. */
		status = 404;
		buf_adds(out,
		    "{\"ErrorCode\":\"ProtocolNotSupported\","
		    "\"ErrorMessage\":\"This server has 'AutodiscoverV1' "
		    "only\"}\n");
	} else {
		buf_adds(out, "{\"Protocol\":\"AutodiscoverV1\",\"Url\":\"");
		clients_put_origin(s, out);
		buf_adds(out, "/autodiscover/autodiscover.xml\"}\n");
	}
	buf_fini(&protocol);
	return status;
}
