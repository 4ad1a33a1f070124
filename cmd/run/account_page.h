/* The account's side of a page for somebody who has signed in. */
#ifndef CMD_RUN_ACCOUNT_PAGE_H
#define CMD_RUN_ACCOUNT_PAGE_H

#include "account/service.h"

account_page_fn account_page_new;

#endif
