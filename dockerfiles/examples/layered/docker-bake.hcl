# cp310-cu124-torch2.6.0-base-cae66217. Made by torchsolve from pylock.toml.
#   docker buildx bake
#   docker buildx bake --set 'image.secrets=id=ca,src=/etc/ssl/certs/ca-certificates.crt'

variable "TAG" {
  default = "comfyui-video:cp310-cu124-torch2.6.0-base-cae66217"
}

variable "BASE_IMAGE" {
  default = "registry.example/team/comfyui:2025-03@sha256:cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2"
}

group "default" {
  targets = ["image"]
}

target "image" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = [TAG]
  args = {
    BASE_IMAGE = BASE_IMAGE
  }
}
