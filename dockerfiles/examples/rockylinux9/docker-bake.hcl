# cp312-cu128-torch2.9.1-rockylinux9. Made by torchsolve from pylock.toml.
#   docker buildx bake
#   docker buildx bake --set 'image.secrets=id=ca,src=/etc/ssl/certs/ca-certificates.crt'

variable "TAG" {
  default = "comfyui-mesh:cp312-cu128-torch2.9.1-rockylinux9"
}

variable "BASE_IMAGE" {
  default = "nvidia/cuda:12.8.1-base-rockylinux9@sha256:f55f8197424b3a7994c6a8c63af5b577a51e53d1a1b1babce02514736ff90a44"
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
