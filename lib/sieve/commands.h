/* Inside lib/sieve only: what the rows of the table of commands point to. */
#ifndef SIEVE_COMMANDS_H
#define SIEVE_COMMANDS_H

#include "sieve/script.h"

#define SIEVE_CHECK(name) \
	bool sieve_check_##name(struct sieve_check *c, struct sieve_node *n)
#define SIEVE_RUN(name)                   \
	enum sieve_flow sieve_run_##name( \
	    struct sieve_run *r, const struct sieve_node *n)
#define SIEVE_TEST(name)                   \
	enum sieve_flow sieve_test_##name( \
	    struct sieve_run *r, const struct sieve_node *n, bool *out)

/* control.c */
SIEVE_CHECK(require);
SIEVE_RUN(if);
SIEVE_RUN(elsif);
SIEVE_RUN(else);
SIEVE_RUN(stop);
SIEVE_CHECK(ihave);
SIEVE_TEST(ihave);
SIEVE_RUN(error);
SIEVE_TEST(true);
SIEVE_TEST(false);
SIEVE_TEST(not );
SIEVE_TEST(allof);
SIEVE_TEST(anyof);
/* store.c */
SIEVE_RUN(keep);
SIEVE_RUN(discard);
SIEVE_CHECK(fileinto);
SIEVE_RUN(fileinto);
SIEVE_CHECK(redirect);
SIEVE_RUN(redirect);
/* flags.c */
SIEVE_CHECK(flags);
SIEVE_RUN(setflag);
SIEVE_RUN(addflag);
SIEVE_RUN(removeflag);
SIEVE_TEST(hasflag);
/* header.c */
SIEVE_TEST(header);
SIEVE_TEST(exists);
SIEVE_CHECK(size);
SIEVE_TEST(size);
/* address.c */
SIEVE_CHECK(address);
SIEVE_TEST(address);
SIEVE_CHECK(envelope);
SIEVE_TEST(envelope);
/* variables.c */
SIEVE_CHECK(set);
SIEVE_RUN(set);
SIEVE_TEST(string);
/* body.c */
SIEVE_TEST(body);
/* vacation.c */
SIEVE_CHECK(vacation);
SIEVE_RUN(vacation);
/* reject.c */
SIEVE_RUN(reject);
SIEVE_RUN(ereject);
/* date.c */
SIEVE_CHECK(date);
SIEVE_TEST(date);
SIEVE_CHECK(currentdate);
SIEVE_TEST(currentdate);
/* mailbox.c */
SIEVE_TEST(mailboxexists);
SIEVE_TEST(metadata);
SIEVE_TEST(metadataexists);
SIEVE_TEST(servermetadata);
SIEVE_TEST(servermetadataexists);
SIEVE_TEST(specialuse_exists);
SIEVE_TEST(mailboxidexists);
/* host.c */
SIEVE_TEST(environment);
SIEVE_TEST(spamtest);
SIEVE_TEST(virustest);
SIEVE_TEST(valid_ext_list);
/* duplicate.c */
SIEVE_TEST(duplicate);
/* include.c */
SIEVE_CHECK(include);
SIEVE_RUN(include);
SIEVE_RUN(return );
SIEVE_CHECK(global);
SIEVE_RUN(global);
/* edit.c */
SIEVE_CHECK(addheader);
SIEVE_RUN(addheader);
SIEVE_CHECK(deleteheader);
SIEVE_RUN(deleteheader);
/* notify.c */
SIEVE_CHECK(notify);
SIEVE_RUN(notify);
SIEVE_TEST(valid_notify_method);
SIEVE_TEST(notify_method_capability);
/* parts.c */
SIEVE_CHECK(foreverypart);
SIEVE_RUN(foreverypart);
SIEVE_CHECK(break);
SIEVE_RUN(break);
SIEVE_CHECK(extracttext);
SIEVE_RUN(extracttext);
/* replace.c */
SIEVE_CHECK(replace);
SIEVE_RUN(replace);
SIEVE_RUN(enclose);

#endif
