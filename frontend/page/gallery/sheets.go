package main

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
)

const (
	// sheetWidth pixels can still be read when a sheet fills a screen.
	sheetWidth = 2600
	gap        = 8
)

// sheets puts the pictures of a folder, all of one width, beside each other, as many to a
// file as fit.
func sheets(folder string, width int, names []string, out string) error {
	for i, some := range slices.Collect(slices.Chunk(names, sheetWidth/(width+gap))) {
		sheet, err := join(folder, some)
		if err != nil {
			return err
		}
		file, err := os.Create(fmt.Sprintf("%s-%02d.png", out, i+1)) // #nosec G304 -- below the folder that the caller named
		if err != nil {
			return fmt.Errorf("create sheet: %w", err)
		}
		if err := png.Encode(file, sheet); err != nil {
			return fmt.Errorf("write sheet: %w", err)
		}
		if err := file.Close(); err != nil {
			return fmt.Errorf("write sheet: %w", err)
		}
	}
	return nil
}

func join(folder string, names []string) (image.Image, error) {
	pictures, size := make([]image.Image, 0, len(names)), image.Point{}
	for _, name := range names {
		file, err := os.Open(filepath.Join(folder, name+".png")) // #nosec G304 -- a picture just written
		if err != nil {
			return nil, fmt.Errorf("open picture: %w", err)
		}
		picture, err := png.Decode(file)
		_ = file.Close()
		if err != nil {
			return nil, fmt.Errorf("read picture: %w", err)
		}
		pictures = append(pictures, picture)
		size = image.Pt(size.X+picture.Bounds().Dx()+gap, max(size.Y, picture.Bounds().Dy()))
	}
	sheet := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.Gray{Y: 128}), image.Point{}, draw.Src)
	x := 0
	for _, picture := range pictures {
		draw.Draw(sheet, picture.Bounds().Add(image.Pt(x, 0)), picture, picture.Bounds().Min, draw.Src)
		x += picture.Bounds().Dx() + gap
	}
	return sheet, nil
}
