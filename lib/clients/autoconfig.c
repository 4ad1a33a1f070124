/* Thunderbird's form, version 1.1, which others read, too. */
#include "clients/clients.h"
#include "clients/xml.h"

#define SHORT_NAME_MAX 20 /* characters */

/*
 * "SSL" is what TLS from the first byte is called; "password-cleartext" means
 * PLAIN or LOGIN, and is right below TLS, too: any other word makes programs
 * refuse the right password.
 */
static void
put_server(struct xml *x, const struct clients_server *s, const char *element,
    const char *type, const struct clients_port *p)
{
	xml_open_with(x, element, "type", sv_str(type));
	xml_leaf(x, "hostname", sv_str(s->hostname));
	xml_leafu(x, "port", p->number);
	xml_leaf(x, "socketType", p->implicit ? SV("SSL") : SV("STARTTLS"));
	xml_leaf(x, "authentication", SV("password-cleartext"));
	xml_leaf(x, "username", SV("%EMAILADDRESS%"));
	xml_close(x);
}

/* What comes first is preferred: IMAP before POP3. */
void
clients_autoconfig(
    const struct clients_server *s, struct sv domain, struct buf *out)
{
	static const struct {
		enum clients_protocol protocol;
		const char *element, *type;
	} order[] = {
	    {CLIENTS_IMAP, "incomingServer", "imap"},
	    {CLIENTS_POP3, "incomingServer", "pop3"},
	    {CLIENTS_SUBMISSION, "outgoingServer", "smtp"},
	};
	struct xml x;
	size_t i, j;

	xml_begin(&x, out, NULL);
	xml_open(&x, "clientConfig", "version=\"1.1\"");
	xml_open_with(&x, "emailProvider", "id", domain);
	xml_leaf(&x, "domain", domain);
	xml_leaf(&x, "displayName", domain);
	xml_leaf(&x, "displayShortName", sv_first(domain, SHORT_NAME_MAX));
	for (i = 0; i < sizeof order / sizeof order[0]; i++)
		for (j = 0; j < 2; j++) {
			const struct clients_port *p =
			    &s->port[order[i].protocol][j];

			if (p->number != 0)
				put_server(
				    &x, s, order[i].element, order[i].type, p);
		}
	if (!xml_end(&x))
		out->failed = true;
}
