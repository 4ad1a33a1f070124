/* What a person enters where a program asks. */
#include "clients/clients.h"

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
