/* What a person enters where a program asks. */
#include "clients/clients.h"
#include "clients/xml.h"

static const struct {
	enum clients_protocol protocol;
	const char *name, *what;
} rows[] = {
    {CLIENTS_IMAP, "IMAP", "incoming"},
    {CLIENTS_SUBMISSION, "SMTP", "outgoing"},
    {CLIENTS_POP3, "POP3", "incoming, without folders"},
};
#define ROWS (sizeof rows / sizeof rows[0])

static const char *
words_of(const struct clients_port *p)
{
	return p->implicit ? "SSL/TLS" : "STARTTLS";
}

void
clients_text(const struct clients_server *s, struct sv address, struct buf *out)
{
	size_t i, j;

	buf_addf(out, "server     %s\n", s->hostname);
	for (i = 0; i < ROWS; i++)
		for (j = 0; j < 2; j++) {
			const struct clients_port *p =
			    &s->port[rows[i].protocol][j];

			if (p->number != 0)
				buf_addf(out, "%-10s port %u, %s (%s)\n",
				    rows[i].name, p->number, words_of(p),
				    rows[i].what);
		}
	buf_adds(out, "user name  ");
	if (address.n > 0)
		buf_addsv(out, address);
	else
		buf_adds(out, "the whole mail address");
	buf_adds(out, "\nlogin      password (\"normal password\")\n");
}

static void
put_row(struct xml *x, struct sv what, struct sv value)
{
	xml_open(x, "tr", NULL);
	xml_leaf(x, "th", what);
	xml_leaf(x, "td", value);
	xml_close(x);
}

void
clients_put_table(
    struct xml *x, const struct clients_server *s, struct sv address)
{
	struct buf text;
	size_t i, j;

	buf_init(&text, 256);
	xml_open(x, "table", "class=\"settings\"");
	put_row(x, SV("Server"), sv_str(s->hostname));
	for (i = 0; i < ROWS; i++)
		for (j = 0; j < 2; j++) {
			const struct clients_port *p =
			    &s->port[rows[i].protocol][j];

			if (p->number == 0)
				continue;
			buf_reset(&text);
			buf_addf(&text, "port %u, %s (%s)", p->number,
			    words_of(p), rows[i].what);
			put_row(x, sv_str(rows[i].name), buf_sv(&text));
		}
	put_row(x, SV("User name"),
	    address.n > 0 ? address : SV("the whole mail address"));
	put_row(x, SV("Login"), SV("password (\"normal password\")"));
	xml_close(x);
	buf_fini(&text);
}

void
clients_page(const struct clients_server *s, struct sv address, struct buf *out)
{
	struct xml x;

	xml_begin_page(&x, out, "Settings for mail programs");
	clients_put_table(&x, s, address);
	if (!xml_end(&x))
		out->failed = true;
}
