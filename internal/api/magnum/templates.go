package magnum

import (
	"net/http"
	"strings"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
)

// template is the one cluster template. Magnum's clients read it before they
// fetch a cluster's configuration; what is null is chosen by each cluster.
type template struct {
	UUID                string            `json:"uuid"`
	Name                string            `json:"name"`
	COE                 string            `json:"coe"`
	TLSDisabled         bool              `json:"tls_disabled"`
	Public              bool              `json:"public"`
	Hidden              bool              `json:"hidden"`
	ImageID             *string           `json:"image_id"`
	FlavorID            *string           `json:"flavor_id"`
	MasterFlavorID      *string           `json:"master_flavor_id"`
	KeypairID           *string           `json:"keypair_id"`
	ExternalNetworkID   *string           `json:"external_network_id"`
	FixedNetwork        *string           `json:"fixed_network"`
	FixedSubnet         *string           `json:"fixed_subnet"`
	DNSNameserver       *string           `json:"dns_nameserver"`
	DockerVolumeSize    *int              `json:"docker_volume_size"`
	DockerStorageDriver *string           `json:"docker_storage_driver"`
	APIServerPort       *int              `json:"apiserver_port"`
	ClusterDistro       *string           `json:"cluster_distro"`
	ServerType          string            `json:"server_type"`
	NetworkDriver       string            `json:"network_driver"`
	VolumeDriver        *string           `json:"volume_driver"`
	HTTPProxy           *string           `json:"http_proxy"`
	HTTPSProxy          *string           `json:"https_proxy"`
	NoProxy             *string           `json:"no_proxy"`
	RegistryEnabled     bool              `json:"registry_enabled"`
	InsecureRegistry    *string           `json:"insecure_registry"`
	FloatingIPEnabled   bool              `json:"floating_ip_enabled"`
	MasterLBEnabled     bool              `json:"master_lb_enabled"`
	Labels              map[string]string `json:"labels"`
	Tags                *string           `json:"tags"`
	ProjectID           *string           `json:"project_id"`
	UserID              *string           `json:"user_id"`
	CreatedAt           *string           `json:"created_at"`
	UpdatedAt           *string           `json:"updated_at"`
	Links               []link            `json:"links"`
}

func theTemplate(r *http.Request) template {
	return template{
		UUID: hanok.TemplateUUID, Name: hanok.TemplateName, COE: "kubernetes", Public: true,
		ServerType: "vm", NetworkDriver: hanok.CNIFlannel, MasterLBEnabled: true, Labels: map[string]string{},
		Links: links(r, "/clustertemplates/"+hanok.TemplateUUID),
	}
}

func (a *api) listTemplates(w http.ResponseWriter, r *http.Request) error {
	respond.JSON(w, http.StatusOK, map[string][]template{"clustertemplates": {theTemplate(r)}})
	return nil
}

func (a *api) getTemplate(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("template")
	if id != hanok.TemplateName && strings.ToLower(id) != hanok.TemplateUUID {
		return hanok.NotFound("cluster template", hanok.Quote(id))
	}
	respond.JSON(w, http.StatusOK, theTemplate(r))
	return nil
}
