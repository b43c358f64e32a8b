package operator

import (
	"net/http"

	"github.com/hanok/hanok/internal/api/respond"
	"github.com/hanok/hanok/internal/infra"
)

// Image is an image that nodes boot from as operators see it. Sizes are in GB
// and MiB; an ID that is left out is made.
type Image struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	MinDisk   int    `json:"min_disk"`
	MinRAM    int    `json:"min_ram"`
	OSDistro  string `json:"os_distro,omitempty"`
	OSVersion string `json:"os_version,omitempty"`
	LoginUser string `json:"login_username,omitempty"`
}

func imageOf(i infra.Image) Image {
	return Image{
		ID: i.ID, Name: i.Name, MinDisk: i.MinDiskGB, MinRAM: i.MinRAMMB,
		OSDistro: i.OSDistro, OSVersion: i.OSVersion, LoginUser: i.LoginUser,
	}
}

func (o operator) listImages(w http.ResponseWriter, r *http.Request) error {
	all, err := o.catalogue.Images(r.Context(), "")
	if err != nil {
		return err
	}
	list := []Image{}
	for _, i := range all {
		list = append(list, imageOf(i))
	}
	respond.JSON(w, http.StatusOK, list)
	return nil
}

// createImage enters the nodes' tree once more, under another name and id and
// with other minimums: there is one tree that machines boot from.
func (o operator) createImage(w http.ResponseWriter, r *http.Request) error {
	var body Image
	if err := read(r, &body); err != nil {
		return err
	}
	if err := checkID(body.ID); err != nil {
		return err
	}
	i, err := o.catalogue.CreateImage(r.Context(), infra.Image{ID: body.ID, Name: body.Name, MinDiskGB: body.MinDisk, MinRAMMB: body.MinRAM})
	if err == nil {
		respond.JSON(w, http.StatusCreated, imageOf(i))
	}
	return err
}

func (o operator) deleteImage(w http.ResponseWriter, r *http.Request) error {
	all, err := o.catalogue.Images(r.Context(), "")
	if err != nil {
		return err
	}
	id := r.PathValue("image")
	for _, i := range all {
		if i.Name == id {
			id = i.ID
		}
	}
	if err := o.catalogue.DeleteImage(r.Context(), id); err != nil {
		return err
	}
	respond.NoContent(w)
	return nil
}
