package operator

import (
	"net/http"

	"github.com/hanok/hanok"
	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// Flavor is a machine size as operators see it. Disk is in GB, RAM in MiB; an
// ID that is left out is made.
type Flavor struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	VCPUs int    `json:"vcpus"`
	RAM   int    `json:"ram"`
	Disk  int    `json:"disk"`
}

func flavorOf(f infra.Flavor) Flavor {
	return Flavor{ID: f.ID, Name: f.Name, Type: f.Type, VCPUs: f.VCPUs, RAM: f.MemoryMB, Disk: f.DiskGB}
}

func (o operator) listFlavors(w http.ResponseWriter, r *http.Request) error {
	all, err := o.catalogue.Flavors(r.Context(), "")
	if err != nil {
		return err
	}
	list := []Flavor{}
	for _, f := range all {
		list = append(list, flavorOf(f))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

func (o operator) createFlavor(w http.ResponseWriter, r *http.Request) error {
	var body Flavor
	if err := read(r, &body); err != nil {
		return err
	}
	if err := checkID(body.ID); err != nil {
		return err
	}
	f, err := o.catalogue.CreateFlavor(r.Context(), infra.Flavor{
		ID: body.ID, Name: body.Name, Type: body.Type, VCPUs: body.VCPUs, MemoryMB: body.RAM, DiskGB: body.Disk,
	})
	if err == nil {
		respond.JSON(w, http.StatusCreated, flavorOf(f))
	}
	return err
}

func (o operator) deleteFlavor(w http.ResponseWriter, r *http.Request) error {
	all, err := o.catalogue.Flavors(r.Context(), "")
	if err != nil {
		return err
	}
	id := r.PathValue("flavor")
	for _, f := range all {
		if f.Name == id {
			id = f.ID
		}
	}
	if err := o.catalogue.DeleteFlavor(r.Context(), id); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}

// checkID lets an operator choose an id, so that requests that were written
// for another cloud find the same thing here.
func checkID(id string) error {
	if id != "" && !hanok.IsUUID(id) {
		return hanok.Invalid("id", "%s is no UUID, which requests must give; leave it out to have one made", hanok.Quote(id))
	}
	return nil
}
