package admission

import (
	"errors"
	"testing"

	"github.com/hanok/hanok"
)

func TestReadSigning(t *testing.T) {
	t.Parallel()
	for body, cluster := range map[string]string{
		`{"cluster_uuid":"k8s","csr":"x"}`:                                   "k8s",
		`{"bay_uuid":"old","csr":"x"}`:                                       "old",
		`{"cluster_uuid":"k8s","bay_uuid":"k8s","csr":"x"}`:                  "k8s",
		`{"cluster_uuid":"k8s","bay_uuid":null,"csr":"x"}`:                   "k8s",
		`{"cluster_uuid":"k8s","csr":"x","ca_cert_type":"kubernetes"}`:       "k8s",
		`{"cluster_uuid":null,"bay_uuid":"b","csr":"x","ca_cert_type":null}`: "b",
	} {
		s, err := ReadSigning([]byte(body))
		if err != nil || s.Cluster != cluster || s.CSR != "x" {
			t.Errorf("%s: %+v, %v", body, s, err)
		}
	}
	for body, field := range map[string]string{
		``:                                   "body",
		`[]`:                                 "body",
		`{"csr":"x"}`:                        "cluster_uuid",
		`{"cluster_uuid":7,"csr":"x"}`:       "cluster_uuid",
		`{"cluster_uuid":"k8s"}`:             "csr",
		`{"cluster_uuid":"k8s","csr":""}`:    "csr",
		`{"cluster_uuid":"k8s","csr":["x"]}`: "csr",
		`{"cluster_uuid":"a","bay_uuid":"b","csr":"x"}`:           "bay_uuid",
		`{"cluster_uuid":"a","csr":"x","ca_cert_type":"etcd"}`:    "ca_cert_type",
		`{"cluster_uuid":"a","csr":"x","key_usage":"serverAuth"}`: "key_usage",
	} {
		_, err := ReadSigning([]byte(body))
		var e *hanok.Error
		if !errors.As(err, &e) || e.Kind != hanok.KindInvalid || e.Field != field {
			t.Errorf("%s: %v, want %s to be named", body, err, field)
		}
	}
}
