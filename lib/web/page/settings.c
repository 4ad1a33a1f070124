/* What is typed into a mail program. */
#include <stdio.h>

#include "web/page/page.h"

static const struct {
	enum clients_protocol protocol;
	enum page_word word;
} rows[] = {
    {CLIENTS_IMAP, W_INCOMING},
    {CLIENTS_SUBMISSION, W_OUTGOING},
    {CLIENTS_POP3, W_INCOMING_POP3},
};

static void
put_port(struct page *p, const struct clients_port *port, enum page_word word)
{
	char number[8];

	if (port->number == 0)
		return;
	(void)snprintf(number, sizeof number, "%u", port->number);
	page_term(p, word);
	page_say(p, "span", W_PORT, page_text(sv_str(number)),
	    page_word_arg(port->implicit ? W_TLS : W_STARTTLS));
	page_term_end(p);
}

void
page_settings(struct page *p, const struct clients_server *s, struct sv address)
{
	size_t i, j;

	page_terms(p);
	page_term(p, W_SERVER);
	page_show(p, "span", sv_str(s->hostname));
	page_term_end(p);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (j = 0; j < 2; j++)
			put_port(
			    p, &s->port[rows[i].protocol][j], rows[i].word);
	page_term(p, W_USER_NAME);
	if (address.n > 0)
		page_show(p, "span", address);
	else
		page_say(p, "span", W_WHOLE_ADDRESS);
	page_term_end(p);
	page_term(p, W_LOGIN_HOW);
	page_say(p, "span", W_LOGIN_NORMAL);
	page_term_end(p);
	page_terms_end(p);
}
