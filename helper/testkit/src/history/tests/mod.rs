mod model;
mod planted;
mod plants;
mod recorder;
mod script;
mod size;
mod sound;
mod text;
