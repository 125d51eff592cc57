#include "acme_protocol.h"

#include "acme.h"
#include "acme_account.h"
#include "acme_key_change.h"
#include "acme_order.h"
#include "acme_renewal.h"
#include "acme_revoke.h"

const struct ca_ops acme_ops = {
	.word = "acme",
	.needs_challenge = true,
	.needs_account = true,
	.open = acme_open,
	.advance = acme_advance,
	.settle = acme_settle,
	.account = acme_account,
	.check = acme_check,
	.close = acme_close,
	.renewal_info = acme_renewal_info,
	.revoke = acme_revoke,
	.show_account = acme_show_account,
	.change_key = acme_change_key,
};
