#include "fixture.h"

#include <stdio.h>

#include "mime/mime.h"

void
take(const char *message, struct junk_features *out)
{
	const struct junk_source src = {.msg = sv_str(message),
	    .hostname = SV("mail.home.test"),
	    .kinds = JUNK_ALL};

	mime_charset_setup();
	junk_features_take(&src, out);
}

bool
has(const struct junk_features *f, enum junk_kind kind, const char *text)
{
	uint32_t want = junk_feature_of(kind, sv_str(text));
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->v[i] == want)
			return true;
	return false;
}

void
make_junk(unsigned n, struct junk_features *out)
{
	char b[1024];

	(void)snprintf(b, sizeof b,
	    "From: Shop %u <s%u@shop%u.example>\r\nSubject: Best price %u\r\n"
	    "\r\nReplica watches number %u, order today, free shipping, best "
	    "price guaranteed, click http://shop%u.example/%u now\r\n",
	    n, n, n % 7, n, n * 31, n % 7, n);
	take(b, out);
}

void
make_wanted(unsigned n, struct junk_features *out)
{
	char b[1024];

	(void)snprintf(b, sizeof b,
	    "From: Ben <ben@example.org>\r\nTo: anna@example.org\r\n"
	    "Subject: Re: garden %u\r\nIn-Reply-To: <%u@example.org>\r\n\r\n"
	    "> when do we meet?\r\nOn day %u, Anna, and please bring the seeds "
	    "and the spade from the shed.\r\nBen\r\n",
	    n, n, n);
	take(b, out);
}
