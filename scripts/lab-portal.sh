# shellcheck shell=bash
# lab-portal.sh - a CA as people meet it at a portal, played by `openssl ca`: a root, an issuing CA,
# requests in, certificates out. Sourced behind lab.sh.
#
#   lab_portal                 makes it in $LAB/portal
#   portal_issue CSR OUT [DAYS] [openssl-ca-options...]   PEM of the certificate alone
#   portal_bundle FORM CERT OUT   what a portal offers for download: pem, full, reversed, p7b, p7b-der,
#                              der, text, root

lab_portal() {
	local p=$LAB/portal
	mkdir -p "$p/new"
	: >"$p/index.txt"
	echo unique_subject = no >"$p/index.txt.attr"
	cat >"$p/openssl.cnf" <<-CNF
		[ca]
		default_ca = portal
		[portal]
		database = $p/index.txt
		new_certs_dir = $p/new
		rand_serial = yes
		certificate = $p/issuing.pem
		private_key = $p/issuing.key
		default_md = sha256
		copy_extensions = copy
		policy = anything
		x509_extensions = server
		email_in_dn = no
		[anything]
		C = optional
		ST = optional
		L = optional
		O = optional
		OU = optional
		serialNumber = optional
		CN = optional
		[server]
		basicConstraints = critical, CA:FALSE
		keyUsage = critical, digitalSignature
		extendedKeyUsage = serverAuth
		authorityKeyIdentifier = keyid
		subjectKeyIdentifier = hash
		${LAB_PORTAL_AIA:+authorityInfoAccess = caIssuers;URI:$LAB_PORTAL_AIA}
		[issuing]
		basicConstraints = critical, CA:TRUE, pathlen:0
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
	CNF
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
			-subj '/O=Example Trust/CN=Example Trust Root' -keyout "$p/root.key" -out "$p/root.pem" \
			-addext 'keyUsage=critical,keyCertSign,cRLSign'
		openssl req -newkey rsa:2048 -nodes -subj '/O=Example Trust/CN=Example Trust OV CA 7' \
			-keyout "$p/issuing.key" -out "$p/issuing.csr"
		openssl x509 -req -in "$p/issuing.csr" -CA "$p/root.pem" -CAkey "$p/root.key" -days 3650 \
			-CAcreateserial -extfile "$p/openssl.cnf" -extensions issuing -out "$p/issuing.pem"
	} >>"$LAB/log/portal" 2>&1
}

# Its certificates are valid from two days before LAB_PORTAL_NOW (seconds since 1970; now).
portal_issue() {
	local csr=$1 out=$2 days=${3:-90} now=${LAB_PORTAL_NOW:-$(date +%s)}
	shift $(($# > 3 ? 3 : $#))
	openssl ca -batch -notext -config "$LAB/portal/openssl.cnf" -in "$csr" -out "$out" \
		-startdate "$(date -u -d "@$((now - 172800))" +%Y%m%d%H%M%SZ)" \
		-enddate "$(date -u -d "@$((now - 172800 + days * 86400 - 1))" +%Y%m%d%H%M%SZ)" "$@" \
		>>"$LAB/log/portal" 2>&1
}

portal_bundle() {
	local p=$LAB/portal
	case $1 in
	pem) cp "$2" "$3" ;;
	full) cat "$2" "$p/issuing.pem" >"$3" ;;
	reversed) cat "$p/root.pem" "$p/issuing.pem" "$2" >"$3" ;;
	p7b) openssl crl2pkcs7 -nocrl -certfile "$p/root.pem" -certfile "$p/issuing.pem" -certfile "$2" -out "$3" ;;
	p7b-der) openssl crl2pkcs7 -nocrl -certfile "$2" -certfile "$p/issuing.pem" -outform DER -out "$3" ;;
	der) openssl x509 -in "$2" -outform DER -out "$3" ;;
	text) { openssl x509 -in "$2" -text && echo 'Issuing CA:' && openssl x509 -in "$p/issuing.pem" -text; } >"$3" ;;
	root) cat "$2" "$p/root.pem" >"$3" ;;
	esac
}
