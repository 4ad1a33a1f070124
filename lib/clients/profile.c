#include "clients/profile.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "base/ascii.h"
#include "clients/xml.h"

#define IDENTIFIER_MAX 1024

static const char plist[] =
    "plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\"";

/* ---- identifiers ---- */

void
clients_uuid(struct sv name, char out[UUID_TEXT])
{
	/* The namespace of URLs [RFC 9562 6.6]. */
	static const unsigned char space[16] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d,
	    0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned i;

	must(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, space, sizeof space) == 1 &&
	     EVP_DigestUpdate(ctx, name.p, name.n) == 1 &&
	     EVP_DigestFinal_ex(ctx, d, &i) == 1);
	EVP_MD_CTX_free(ctx);
	d[6] = (unsigned char)((d[6] & 0x0f) | 0x50);
	d[8] = (unsigned char)((d[8] & 0x3f) | 0x80);
	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		(void)snprintf(out, 3, "%02X", d[i]);
		out += 2;
	}
}

/* "org.example.mail": the host's name from its end. */
static void
put_reversed(struct buf *out, struct sv host)
{
	while (host.n > 0) {
		size_t dot = sv_rchr(host, '.');
		bool last = dot >= host.n;

		buf_addsv(out, last ? host : sv_skip(host, dot + 1));
		host = last ? SV("") : sv_first(host, dot);
		if (host.n > 0)
			buf_addc(out, '.');
	}
}

/* The device's name may be anything: its UUID stands for it. */
static void
put_identifier(struct buf *out, const struct clients_server *s,
    const struct clients_profile *p)
{
	char device[UUID_TEXT];

	put_reversed(out, sv_str(s->hostname));
	buf_addc(out, '.');
	buf_addsv(out, p->account);
	clients_uuid(p->device, device);
	buf_addf(out, ".%s", device);
}

/* ---- the document ---- */

static void
put_string(struct xml *x, const char *key, struct sv value)
{
	xml_leaf(x, "key", sv_str(key));
	xml_leaf(x, "string", value);
}

static void
put_number(struct xml *x, const char *key, uint64_t value)
{
	xml_leaf(x, "key", sv_str(key));
	xml_leafu(x, "integer", value);
}

static void
put_bool(struct xml *x, const char *key, bool value)
{
	xml_leaf(x, "key", sv_str(key));
	xml_empty(x, value ? "true" : "false");
}

/* What every payload has.  The inner one has the outer's name and more. */
static void
put_payload(struct xml *x, const char *type, struct sv identifier)
{
	char uuid[UUID_TEXT];

	clients_uuid(identifier, uuid);
	put_string(x, "PayloadType", sv_str(type));
	put_number(x, "PayloadVersion", 1);
	put_string(x, "PayloadIdentifier", identifier);
	put_string(x, "PayloadUUID", sv_str(uuid));
}

/* The keys of one direction: "IncomingMailServer" and "Outgoing...". */
static void
put_direction(struct xml *x, const char *direction,
    const struct clients_server *s, enum clients_protocol protocol,
    const struct clients_profile *p)
{
	const struct clients_port *port = s->port[protocol];
	char key[64];

	(void)snprintf(
	    key, sizeof key, "%sMailServerAuthentication", direction);
	put_string(x, key, SV("EmailAuthPassword"));
	(void)snprintf(key, sizeof key, "%sMailServerHostName", direction);
	put_string(x, key, sv_str(s->hostname));
	(void)snprintf(key, sizeof key, "%sMailServerPortNumber", direction);
	put_number(x, key, port->number);
	/* STARTTLS is used by itself where the port is for that. */
	(void)snprintf(key, sizeof key, "%sMailServerUseSSL", direction);
	put_bool(x, key, true);
	(void)snprintf(key, sizeof key, "%sMailServerUsername", direction);
	put_string(x, key, p->address);
	if (p->password.n == 0)
		return;
	(void)snprintf(key, sizeof key, "%sPassword", direction);
	put_string(x, key, p->password);
}

static void
put_mail(struct xml *x, const struct clients_server *s,
    const struct clients_profile *p, struct buf *identifier)
{
	xml_open(x, "dict", NULL);
	buf_adds(identifier, ".mail");
	put_payload(x, "com.apple.mail.managed", buf_sv(identifier));
	put_string(x, "PayloadDisplayName", p->address);
	put_string(x, "EmailAccountDescription", p->address);
	put_string(x, "EmailAccountType", SV("EmailTypeIMAP"));
	put_string(x, "EmailAddress", p->address);
	put_direction(x, "Incoming", s, CLIENTS_IMAP, p);
	put_direction(x, "Outgoing", s, CLIENTS_SUBMISSION, p);
	put_bool(x, "OutgoingPasswordSameAsIncomingPassword", true);
	put_bool(x, "PreventAppSheet", false);
	put_bool(x, "PreventMove", false);
	xml_close(x);
}

int
clients_profile(const struct clients_server *s, const struct clients_profile *p,
    struct buf *out)
{
	struct buf identifier, text;
	struct xml x;
	bool good;

	if (s->port[CLIENTS_IMAP][0].number == 0 ||
	    s->port[CLIENTS_SUBMISSION][0].number == 0)
		return RC_NOTFOUND;
	buf_init(&identifier, IDENTIFIER_MAX);
	buf_init(&text, IDENTIFIER_MAX);
	put_identifier(&identifier, s, p);
	xml_begin(&x, out, plist);
	xml_open(&x, "plist", "version=\"1.0\"");
	xml_open(&x, "dict", NULL);
	put_payload(&x, "Configuration", buf_sv(&identifier));
	buf_addf(&text, "Mail %.*s", SV_ARG(p->address));
	put_string(&x, "PayloadDisplayName", buf_sv(&text));
	buf_reset(&text);
	buf_addf(&text, "Sets up mail of %.*s on \"%.*s\".", SV_ARG(p->address),
	    SV_ARG(p->device));
	put_string(&x, "PayloadDescription", buf_sv(&text));
	put_string(&x, "PayloadOrganization", sv_str(s->hostname));
	put_bool(&x, "PayloadRemovalDisallowed", false);
	xml_leaf(&x, "key", SV("PayloadContent"));
	xml_open(&x, "array", NULL);
	put_mail(&x, s, p, &identifier);
	good = xml_end(&x) && buf_ok(&identifier) && buf_ok(&text);
	buf_fini(&text);
	buf_fini(&identifier);
	return good ? RC_OK : RC_SYNTAX;
}
