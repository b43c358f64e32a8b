package engine

import (
	"context"
	"fmt"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/kube"
	"github.com/hanok/hanok/internal/store"
)

// Kubeconfig gives the administrator's kubeconfig of a cluster, in YAML;
// KindConflict while its endpoint is not known or it is going away.
func (e *Engine) Kubeconfig(ctx context.Context, clusterUUID string) (string, error) {
	var config string
	err := e.cfg.Store.View(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		if err := hanok.Allow(hanok.OpKubeconfig, c.Status); err != nil {
			return err
		}
		spec, err := readSpec[ClusterSpec](tx, kindClusterSpec, clusterUUID)
		if err != nil {
			return err
		}
		if !spec.Endpoint.IsValid() {
			return hanok.Errorf(hanok.KindConflict, "cluster %s has no API address yet: ask again in a moment", c.Name)
		}
		secrets := map[string][]byte{}
		for _, name := range []string{kube.SecretCACert, kube.SecretAdminCert, kube.SecretAdminKey} {
			if secrets[name], err = tx.Secret(clusterUUID, name); err != nil {
				return err
			}
		}
		config = kube.AdminKubeconfig(c.Name, spec.Endpoint,
			secrets[kube.SecretCACert], secrets[kube.SecretAdminCert], secrets[kube.SecretAdminKey])
		return nil
	})
	return config, err
}

// CA gives the certificate of a cluster's authority as PEM.
func (e *Engine) CA(ctx context.Context, clusterUUID string) ([]byte, error) {
	var ca []byte
	err := e.cfg.Store.View(ctx, func(tx store.Tx) error {
		if _, err := tx.Cluster(clusterUUID); err != nil {
			return err
		}
		var err error
		ca, err = tx.Secret(clusterUUID, kube.SecretCACert)
		return err
	})
	return ca, err
}

// SignCertificate gives a client certificate (PEM) for a user's signing
// request, by the cluster's authority; see kube.Authority.SignClient for what
// is refused. KindConflict where no kubeconfig would be given either.
func (e *Engine) SignCertificate(ctx context.Context, clusterUUID string, request []byte) ([]byte, error) {
	var cert, key []byte
	err := e.cfg.Store.View(ctx, func(tx store.Tx) error {
		c, err := tx.Cluster(clusterUUID)
		if err != nil {
			return err
		}
		if err := hanok.Allow(hanok.OpSign, c.Status); err != nil {
			return err
		}
		if cert, err = tx.Secret(clusterUUID, kube.SecretCACert); err != nil {
			return err
		}
		key, err = tx.Secret(clusterUUID, kube.SecretCAKey)
		return err
	})
	if err != nil {
		return nil, err
	}
	ca, err := kube.LoadAuthority(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", clusterUUID, err)
	}
	return ca.SignClient(request, e.now())
}
