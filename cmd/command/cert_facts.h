/* What a certificate says, for people. */
#ifndef CMD_COMMAND_CERT_FACTS_H
#define CMD_COMMAND_CERT_FACTS_H

#include "acme/certificate.h"

struct cert_facts {
	struct acme_certificate c; /* names and dates */
	char issuer[200];	   /* printable */
	char sha256[65];	   /* of all of it */
	char tlsa[65];		   /* of its key: behind "3 1 1 " */
	bool self_signed;
};

int cert_facts_read(
    struct sv pem, struct cert_facts *out, struct err *err) RC_USE_RESULT;

#endif
