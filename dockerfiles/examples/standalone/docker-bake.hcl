# cp312-cu128-torch2.9.1-ubuntu24.04. Made by torchsolve from pylock.toml.
#   docker buildx bake
#   docker buildx bake --set 'image.secrets=id=ca,src=/etc/ssl/certs/ca-certificates.crt'

variable "TAG" {
  default = "comfyui-mesh:cp312-cu128-torch2.9.1-ubuntu24.04"
}

variable "BASE_IMAGE" {
  default = "nvidia/cuda:12.8.1-base-ubuntu24.04"
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
