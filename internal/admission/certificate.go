package admission

import "github.com/hanok/hanok"

// Signing is a request to have a certificate signed.
type Signing struct {
	Cluster string // UUID or name
	CSR     string // PEM
}

// signingFields are what Magnum's clients of any age send.
var signingFields = []string{"cluster_uuid", "bay_uuid", "csr", "ca_cert_type"}

// ReadSigning reads the body of a request to sign a certificate. What may be
// signed is the authority's to say.
func ReadSigning(body []byte) (Signing, error) {
	var s Signing
	o, err := parseObject(body)
	if err != nil {
		return s, err
	}
	if err := o.onlyKnown(signingFields); err != nil {
		return s, err
	}
	field := "cluster_uuid"
	if !o.sent(field) && o.sent("bay_uuid") {
		field = "bay_uuid" // before Magnum called them clusters
	}
	if s.Cluster, err = o.text(field); err != nil {
		return s, err
	}
	if field != "bay_uuid" && o.sent("bay_uuid") {
		if bay, err := o.text("bay_uuid"); err != nil || bay != s.Cluster {
			return s, hanok.Invalid("bay_uuid", "is not the same as cluster_uuid; leave it out")
		}
	}
	if s.CSR, err = o.text("csr"); err != nil {
		return s, err
	}
	if !o.sent("ca_cert_type") {
		return s, nil
	}
	kind, err := o.text("ca_cert_type")
	if err == nil && kind != "kubernetes" {
		err = hanok.Invalid("ca_cert_type", "%s is no authority that signs for users; use \"kubernetes\" or leave it out", hanok.Quote(kind))
	}
	return s, err
}
